import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import {
  CALL_RETRY_DELAY_MS,
  CROWDED_RETRY_DELAY_MS,
  LINGER_MS,
  MAX_CALL_ATTEMPTS,
  MAX_CONCURRENT_CALLS,
  MAX_REQUEST_EVENTS,
} from "../../src/limits.ts";
import type { RemoteUserLog } from "../../src/user/call-user-log.ts";
import { anEvent, newUser, requestWith, timelineOf, userLog } from "../tracklog.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const INTERNAL = "Durable Object hiccup at 10.0.0.1 in UserLog.record";

const CROWDED = "Your account is generating too much load on Durable Objects. Please back off and try again later.";

/** The marks that the platform puts on its errors. */
function fault(marks: { retryable?: boolean; overloaded?: boolean } = {}, message = INTERNAL): Error {
  return Object.assign(new Error(message), marks);
}

/** A namespace whose stubs fail with these errors, one after the other, and then reach the real objects. */
function failing(...errors: unknown[]) {
  const stubs: string[] = [];
  const getByName = (name: string) => {
    const error = errors[stubs.length];
    stubs.push(name);
    const fail = () => Promise.reject(error);
    return error === undefined
      ? env.USER_LOG.getByName(name)
      : { record: fail, timeline: fail, summary: fail, erase: fail };
  };
  return { stubs, settings: { USER_LOG: { getByName } } as unknown as Partial<Env> };
}

function record(settings: Partial<Env>, ...users: string[]) {
  const body = JSON.stringify(users.map((user_id) => anEvent({ user_id })));
  return requestWith(settings, "/track", { method: "POST", body });
}

function silenceLog() {
  return vi.spyOn(console, "error").mockImplementation(() => {});
}

describe("a call of a user's object", () => {
  it("is tried again after a temporary failure, each time on a new stub", async ({ expect }) => {
    const log = silenceLog();
    const user = newUser();
    const { stubs, settings } = failing(fault({ retryable: true }), fault({ retryable: true }));
    const { status, body } = await record(settings, user);
    expect(status).toBe(200);
    expect(body).toMatchObject({ created: 1 });
    expect(stubs).toEqual([user, user, user]);
    expect(await timelineOf(user)).toHaveLength(1);
    expect(log).not.toHaveBeenCalled(); // nothing has failed
  });

  it("waits before it tries again, for a random time below a bound that grows", async ({ expect }) => {
    const waits = vi.spyOn(scheduler, "wait").mockResolvedValue();
    for (const random of [0, 0.4, 0.999]) {
      vi.spyOn(Math, "random").mockReturnValue(random);
      await record(failing(fault({ retryable: true }), fault({ retryable: true })).settings, newUser());
    }
    // A writer in the same isolate may be waiting for rows that other tests have recorded.
    const bounds = waits.mock.calls.map(([ms]) => ms).filter((ms) => ms === 0 || ms > LINGER_MS);
    expect(bounds.slice(0, 2)).toEqual([0, 0]); // full jitter starts at zero
    expect(bounds[2]).toBe(0.4 * 2 * CALL_RETRY_DELAY_MS);
    expect(bounds[3]).toBe(0.4 * 4 * CALL_RETRY_DELAY_MS);
    expect(Math.max(...bounds)).toBeLessThan(1_000);
  });

  it("waits longer if the account creates objects too quickly, and then succeeds", async ({ expect }) => {
    const waits = vi.spyOn(scheduler, "wait").mockResolvedValue();
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    const crowded = fault({ overloaded: true }, CROWDED);
    const { status } = await record(failing(crowded, crowded).settings, newUser());
    expect(status).toBe(200);
    const longest = waits.mock.calls.map(([ms]) => ms).filter((ms) => ms > LINGER_MS);
    expect(longest.slice(0, 2)).toEqual([2, 4].map((factor) => 0.999 * factor * CROWDED_RETRY_DELAY_MS));
  });

  it.for([
    ["retryable for ever", fault({ retryable: true }), MAX_CALL_ATTEMPTS],
    ["overloaded", fault({ overloaded: true }), 1],
    ["overloaded and retryable", fault({ overloaded: true, retryable: true }), 1],
    ["neither", fault(), 1],
    ["a text", INTERNAL, 1],
    ["null", null, 1],
    ["the account's limit on new objects", fault({ overloaded: true }, CROWDED), MAX_CALL_ATTEMPTS],
  ] as [string, unknown, number][])("ends in 503 if its error is %s", async ([, error, attempts], { expect }) => {
    const log = silenceLog();
    vi.spyOn(scheduler, "wait").mockResolvedValue();
    const user = newUser();
    const { stubs, settings } = failing(...Array<unknown>(9).fill(error));
    const { status, headers, body } = await record(settings, user);
    expect(status).toBe(503);
    expect(headers.get("Retry-After")).toBe("2");
    expect(headers.get("Content-Type")).toBe("application/problem+json");
    expect(body).toMatchObject({ success: false, title: "Temporarily unavailable" });
    expect(stubs).toHaveLength(attempts);

    const leaks = /hiccup|10\.0|UserLog|Error|stack/;
    expect(`${JSON.stringify(body)}${JSON.stringify([...headers])}`).not.toMatch(leaks);
    expect(log.mock.calls).toHaveLength(1);
    const line = JSON.parse(log.mock.calls[0]![0] as string) as Record<string, unknown>;
    expect(line).toMatchObject({ level: "error", failure: "user_log_unreachable", request_id: body["request_id"] });
    expect(headers.get("X-Request-Id")).toBe(body["request_id"]);
    expect(JSON.stringify(line)).not.toContain(user);
  });

  it("ends in 503 for a read as well", async ({ expect }) => {
    const log = silenceLog();
    const { settings } = failing(...Array<unknown>(9).fill(fault({ overloaded: true })));
    for (const path of ["/users/u", "/users/u/events"]) {
      const { status, headers, body } = await requestWith(settings, path);
      expect(status).toBe(503);
      expect(headers.get("Retry-After")).toBe("2");
      expect(JSON.stringify(body)).not.toContain("hiccup");
    }
    expect(log.mock.calls).toHaveLength(2);
  });

  it("makes the client send the whole request again if one user's object fails, which is safe", async ({ expect }) => {
    silenceLog();
    const [lost, kept] = [newUser(), newUser()];
    const { settings } = failing(fault({ overloaded: true }));
    expect((await record(settings, lost, kept)).status).toBe(503);
    expect(await timelineOf(kept)).toHaveLength(1);
    expect(await userLog(lost).summary()).toBeNull();
    expect((await record({}, lost, kept)).body).toMatchObject({ success: true, created: 1, duplicates: 1 });
  });

  it("ends in a duplicate if the first call was recorded and its answer was lost", async ({ expect }) => {
    const user = newUser();
    let calls = 0;
    const getByName = (name: string): Pick<RemoteUserLog, "record"> => ({
      record: async (...recorded) => {
        const answer = await env.USER_LOG.getByName(name).record(...recorded);
        if (++calls === 1) throw fault({ retryable: true });
        return answer;
      },
    });
    const { status, body } = await record({ USER_LOG: { getByName } } as unknown as Partial<Env>, user);
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, duplicates: 1 });
    expect(await timelineOf(user)).toHaveLength(1);
  });

  it("is never repeated if it erases, because the second answer would be that nothing was erased", async ({
    expect,
  }) => {
    silenceLog();
    const user = newUser();
    await record({}, user);
    let calls = 0;
    const getByName = (name: string): Pick<RemoteUserLog, "erase"> => ({
      erase: async () => {
        calls++;
        await env.USER_LOG.getByName(name).erase();
        throw fault({ retryable: true }); // its answer is lost
      },
    });
    const settings = { USER_LOG: { getByName } } as unknown as Partial<Env>;
    const { status, headers } = await requestWith(settings, `/users/${user}`, { method: "DELETE" });
    expect(status).toBe(503);
    expect(headers.get("Retry-After")).toBe("2");
    expect(calls).toBe(1);
    expect(await userLog(user).summary()).toBeNull();
  });

  it("waits if a request has so many users that too many calls are under way", async ({ expect }) => {
    let [now, most, all] = [0, 0, 0];
    const getByName = (): Pick<RemoteUserLog, "record"> => ({
      record: async (events) => {
        most = Math.max(most, ++now);
        all++;
        await scheduler.wait(1);
        now--;
        return { status: "recorded", verdicts: events.map(() => ({ status: "suppressed" })) };
      },
    });
    const users = Array.from({ length: MAX_REQUEST_EVENTS }, newUser);
    const { status, body } = await record({ USER_LOG: { getByName } } as unknown as Partial<Env>, ...users);
    expect(status).toBe(200);
    expect(body["results"]).toHaveLength(MAX_REQUEST_EVENTS);
    expect([most, all]).toEqual([MAX_CONCURRENT_CALLS, MAX_REQUEST_EVENTS]);
  });
});
