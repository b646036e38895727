import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { BATCH_PATHS, CALL_PATHS } from "../../../src/http/write/segment.ts";
import { SDK_REQUESTS } from "../../fixtures/sdk-requests.ts";
import { aMessage, post, withWriteKeys } from "../../segment.ts";
import { anEvent, get, newUser, rowsOf, timelineOf, userLog } from "../../tracklog.ts";

describe("a request of", () => {
  let closeAgain: () => void;
  beforeEach(() => {
    closeAgain = withWriteKeys("site:k1");
  });
  afterEach(() => closeAgain());

  it.for(SDK_REQUESTS)("$client is taken, and its retry is a duplicate", async (request, { expect }) => {
    const { path, headers, expected } = request;
    // The recorded requests share their users, and clients without a time of their own cannot be deduplicated.
    const messageId = `${expected.messageId}-${crypto.randomUUID()}`;
    const send = (sentAt: string) => {
      const changes = { sentAt, ...(expected.timestamp === null ? { timestamp: "2026-11-20T10:11:12Z" } : {}) };
      const json = JSON.stringify({ ...request.body, ...changes }).replaceAll(expected.messageId, messageId);
      return post(path, headers["content-encoding"] ? gzip(json) : json, headers);
    };

    const first = await send("2026-11-20T10:11:13.000Z");
    expect(first.status).toBe(200);
    const { results = [first.body] } = first.body as { results?: object[] };
    expect(results).toMatchObject([{ status: "created" }]);

    const retry = await send("2026-11-20T10:12:55.000Z");
    expect(retry.status).toBe(200);
    expect((retry.body["results"] as object[] | undefined) ?? [retry.body]).toMatchObject([{ status: "duplicate" }]);
  });
});

describe("POST /v1/track", () => {
  it.for(["/v1/track", "/v1/t", "/api/public/apps/track"])("%s takes one event", async (path, { expect }) => {
    const user = newUser();
    const { status, body } = await post(path, aMessage({ type: undefined, userId: user, messageId: "m1" }));
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      status: "created",
      event: "clicked",
      user_id: user,
      timestamp: "2026-01-02T03:04:05.678Z",
      seq: 1,
      revision: 1,
    });
    expect(await timelineOf(user)).toMatchObject([{ event: "clicked", message_id: "m1", properties: {}, context: {} }]);
  });

  it("stores the same as /track: in the user's log at once, in D1 soon", async ({ expect }) => {
    const user = newUser();
    await post("/v1/track", aMessage({ userId: user, anonymousId: "a1", properties: { plan: "pro" } }));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), { timeout: 5_000 });
    expect(await rowsOf(user)).toMatchObject([{ properties: '{"plan":"pro"}', context: '{"anonymousId":"a1"}' }]);
  });

  it("refuses with the names of the message's own fields, and repeats no value", async ({ expect }) => {
    const { status, headers, body } = await post("/v1/track", { userId: "", originalTimestamp: "secret" });
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    const pointers = (body["errors"] as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers.sort()).toEqual(["/event", "/userId"]);
    expect(JSON.stringify(body)).not.toContain("secret");
  });

  it.for([
    ["", "is empty"],
    ["{", "is not valid JSON"],
    ["[]", "must be a JSON object"],
  ])("refuses the body %j", async ([text, detail], { expect }) => {
    const { status, body } = await post("/v1/track", text);
    expect(status).toBe(400);
    expect(body).toMatchObject({ success: false, errors: [{ pointer: "" }] });
    expect(JSON.stringify(body["errors"])).toContain(detail);
  });

  it("answers 405 to any method but POST, and never redirects", async ({ expect }) => {
    for (const path of ["/v1/track", "/v1/batch", "/v1/m", "/beacon/v1/batch"]) {
      const { status, headers } = await get(path);
      expect(status).toBe(405);
      expect(headers.get("allow")).toBe("POST");
    }
    expect((await post("/v1/nothing", {})).status).toBe(404);
  });
});

/** Every path of a single message, and the event that it becomes. */
const PATHS = Object.entries(CALL_PATHS).flatMap(([call, paths]) => paths.map((path) => [path, call] as const));

describe("a single message", () => {
  it.for(PATHS)("to %s becomes the event %s", async ([path, call], { expect }) => {
    const user = newUser();
    const message = { userId: user, timestamp: "2026-01-02T03:04:05.678Z", messageId: "m1" };
    const sent = call === "track" ? { ...message, event: "track" } : message;
    const { status, body } = await post(path, sent);
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      status: "created",
      event: call,
      user_id: user,
      timestamp: "2026-01-02T03:04:05.678Z",
      seq: 1,
      revision: 1,
    });
    expect(await timelineOf(user)).toMatchObject([{ event: call, message_id: "m1" }]);
    expect((await post(path, sent)).body).toMatchObject({ status: "duplicate" });
  });

  it.for(PATHS)("to %s that is bad is 400, and nothing is stored", async ([path], { expect }) => {
    const user = newUser();
    const { status, body } = await post(path, { userId: user, messageId: "m".repeat(129), event: "e" });
    expect(status).toBe(400);
    expect(body["errors"]).toMatchObject([{ pointer: "/messageId", limit: 128, actual: 129 }]);
    expect(await userLog(user).summary()).toBeNull();
  });

  it("of an identify brings its traits into the user's profile", async ({ expect }) => {
    const user = newUser();
    const traits = { email: "ann@example.com", firstName: "Ann", lastName: null, name: 7 };
    await post("/v1/identify", { userId: user, traits });
    expect((await get(`/users/${user}`)).body["properties"]).toEqual({ email: "ann@example.com", first_name: "Ann" });
    expect(await timelineOf(user)).toMatchObject([{ event: "identify", properties: traits }]);
  });

  it("of the SDK's own metrics is taken and not stored", async ({ expect }) => {
    const { status, body } = await post("/v1/m", { series: [] });
    expect(status).toBe(200);
    expect(body).toEqual({ success: true, status: "ignored" });
  });
});

describe("a slash at the end of a path", () => {
  it.for([...PATHS.map(([path]) => path), ...BATCH_PATHS])("loses no event: %s/", async (path, { expect }) => {
    const user = newUser();
    const message = aMessage({ userId: user });
    const { status } = await post(`${path}/`, BATCH_PATHS.includes(path) ? { batch: [message] } : message);
    expect(status).toBe(200);
    expect(await timelineOf(user)).toHaveLength(1);
  });

  it("loses no event at /track/, and none that a page sends", async ({ expect }) => {
    const user = newUser();
    const { status, headers } = await post("/track/", anEvent({ user_id: user }), { origin: "https://shop.example" });
    expect(status).toBe(200);
    expect(headers.get("access-control-allow-origin")).not.toBeNull();
    expect(await timelineOf(user)).toHaveLength(1);
  });
});

function gzip(text: string): ReadableStream {
  return new Response(text).body!.pipeThrough(new CompressionStream("gzip"));
}
