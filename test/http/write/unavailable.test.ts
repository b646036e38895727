import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { anEvent, get, newUser, timelineOf, track } from "../../tracklog.ts";

/** Makes this many calls to one user's object fail as the platform does. */
function breakUser(user: string, times: number, fault: { retryable?: boolean; overloaded?: boolean }) {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const getByName = env.USER_LOG.getByName.bind(env.USER_LOG);
  let calls = 0;
  vi.spyOn(env.USER_LOG, "getByName").mockImplementation((name) => {
    if (name === user && ++calls <= times) throw Object.assign(new Error("internal secret"), fault);
    return getByName(name);
  });
  return { calls: () => calls };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("if a user's object cannot be reached", () => {
  it("the whole request is 503, and sending it again neither loses nor doubles anything", async ({ expect }) => {
    const [reached, unreached] = [newUser(), newUser()];
    const events = [anEvent({ user_id: reached }), anEvent({ user_id: unreached })];
    breakUser(unreached, Infinity, {});
    const { status, headers, body } = await track(events);
    expect(status).toBe(503);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    expect(body).toMatchObject({ status: 503, success: false });
    expect(JSON.stringify(body)).not.toContain("secret");

    vi.restoreAllMocks();
    const again = await track(events);
    expect(again.status).toBe(200);
    expect(again.body["results"]).toMatchObject([{ status: "duplicate" }, { status: "created" }]);
    expect(await timelineOf(reached)).toHaveLength(1);
  });

  it("a read is 503 and not 404, which would mean that nothing is stored", async ({ expect }) => {
    const user = newUser();
    breakUser(user, Infinity, {});
    const { status, headers } = await get(`/users/${user}/events`);
    expect(status).toBe(503);
    expect(headers.get("retry-after")).not.toBeNull();
  });

  it("a fault that the platform calls retryable is tried again at once", async ({ expect }) => {
    const user = newUser();
    const fault = breakUser(user, 2, { retryable: true });
    expect((await track(anEvent({ user_id: user }))).body).toMatchObject({ status: "created" });
    expect(fault.calls()).toBe(3);
  });

  it.for([
    ["not retryable", {}, 1],
    ["overloaded", { retryable: true, overloaded: true }, 1],
    ["retryable, but for good", { retryable: true }, 3],
  ] as const)("a fault that is %s is given up on", async ([, kind, calls], { expect }) => {
    const user = newUser();
    const fault = breakUser(user, Infinity, kind);
    expect((await track(anEvent({ user_id: user }))).status).toBe(503);
    expect(fault.calls()).toBe(calls);
  });
});
