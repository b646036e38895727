import { describe, it } from "vitest";
import { type Answer, anEvent, call, get, newUser, timelineOf, track } from "../../tracklog.ts";

function base64(text: string): string {
  return btoa(text).replace(/=+$/, "");
}

describe("a bad request", () => {
  it.for([
    ["events?form=2026-01-01", "/form"],
    ["events?Limit=5", "/Limit"],
    ["events?limit=5&limit=6", "/limit"],
    ["events?limit=0", "/limit"],
    ["events?limit=501", "/limit"],
    ["events?limit=-1", "/limit"],
    ["events?limit=1.5", "/limit"],
    ["events?limit=1e2", "/limit"],
    ["events?limit=", "/limit"],
    ["events?limit=9999999999999999999999", "/limit"],
    ["events?order=up", "/order"],
    ["events?event=", "/event"],
    ["events?from=yesterday", "/from"],
    ["events?from=", "/from"],
    ["events?from=2026-02-30", "/from"],
    ["events?to=-5", "/to"],
    ["events?to=1e999", "/to"],
    ["events?from=2026-01-02&to=2026-01-01", "/from"],
    ["events?cursor=", "/cursor"],
    ["events?cursor=%F0%9F%98%80", "/cursor"],
    ["events?cursor=abc", "/cursor"],
    [`events?cursor=${base64("5")}`, "/cursor"],
    [`events?cursor=${base64('{"DB":5}')}`, "/cursor"], // the feed's
    [`events?cursor=${base64("[1]")}`, "/cursor"],
    [`events?cursor=${base64("[1,2,3]")}`, "/cursor"],
    [`events?cursor=${base64('["1",2]')}`, "/cursor"],
    [`events?cursor=${base64("[1e300,2]")}`, "/cursor"],
    [`events?cursor=${base64("[1,9007199254740993]")}`, "/cursor"],
    [`events?cursor=${base64("[1.5,2]")}`, "/cursor"],
    ["?events=true", "/events"],
    ["suppression?until=2026", "/until"],
  ])("of %s is 400 and names %s", async ([path, pointer], { expect }) => {
    const { status, headers, body } = await get(`/users/user123${path!.startsWith("?") ? "" : "/"}${path}`);
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toMatchObject({ success: false, errors: [{ pointer, detail: expect.any(String) as string }] });
  });

  it("gets all its faults", async ({ expect }) => {
    const { body } = await get("/users/user123/events?limit=0&order=x&nope=1&to=x");
    const pointers = (body["errors"] as Answer[]).map(({ pointer }) => pointer as string);
    expect(pointers.sort()).toEqual(["/limit", "/nope", "/order", "/to"]);
  });

  it("to erase a part of a user's events erases none", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    expect((await call("DELETE", `/users/${user}?to=2020-01-01`)).status).toBe(400);
    expect(await timelineOf(user)).toHaveLength(1);
  });

  it("with a cursor beyond all times is an empty page", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    for (const [order, position] of [
      ["asc", [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
      ["desc", [Number.MIN_SAFE_INTEGER, 0]],
    ] as const) {
      const { status, body } = await get(
        `/users/${user}/events?order=${order}&cursor=${base64(JSON.stringify(position))}`,
      );
      expect(status).toBe(200);
      expect(body).toMatchObject({ events: [], next_cursor: null });
    }
  });
});
