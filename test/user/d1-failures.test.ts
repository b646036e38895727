import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { type D1Failure, d1FailureOf, isRefusal } from "../../src/d1/d1-failure.ts";
import { encodeEventRow } from "../../src/d1/event-row.ts";
import { LineFullError } from "../../src/d1/group-commit.ts";
import {
  MAX_AWAY_DELAY_MS,
  MAX_DEPLOY_DELAY_MS,
  MAX_LASTING_DELAY_MS,
  MIN_LASTING_DELAY_MS,
  MIN_RETRY_DELAY_MS,
} from "../../src/limits.ts";
import { retryDelay } from "../../src/user/retry-delay.ts";
import { breakD1, interceptInsertions } from "../d1-faults.ts";
import { alarmOf, delivered, events, newUser, pendingOf, record, rowsOf, userLog } from "../tracklog.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const MESSAGES: [message: string, D1Failure][] = [
  ["D1_ERROR: Network connection lost.", "away"],
  ["D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.", "away"],
  ["D1_ERROR: D1 DB is overloaded. Requests queued for too long.", "away"],
  ["D1_ERROR: D1 DB exceeded its CPU time limit and was reset.", "away"],
  ["D1_ERROR: Exceeded maximum DB size.", "full"],
  ["D1_ERROR: Your account has exceeded D1's maximum account storage limit.", "full"],
  ["D1_ERROR: database or disk is full: SQLITE_FULL", "full"],
  ["D1_ERROR: You have exceeded the daily limit of rows written on the free plan.", "exhausted"],
  ["D1_ERROR: Your account has exceeded D1's free tier rows written limit.", "exhausted"],
  ["D1_ERROR: no such table: events: SQLITE_ERROR", "unmigrated"],
  ["D1_ERROR: table events has no column named source: SQLITE_ERROR", "unmigrated"],
];

/** The shortest wait after the first failure, and the longest after many. */
const WAITS: Record<D1Failure, [first: number, longest: number]> = {
  away: [MIN_RETRY_DELAY_MS, MAX_AWAY_DELAY_MS],
  busy: [MIN_RETRY_DELAY_MS, MAX_AWAY_DELAY_MS],
  unmigrated: [MIN_RETRY_DELAY_MS, MAX_DEPLOY_DELAY_MS],
  unknown_version: [MIN_RETRY_DELAY_MS, MAX_DEPLOY_DELAY_MS],
  full: [MIN_LASTING_DELAY_MS, MAX_LASTING_DELAY_MS],
  exhausted: [MIN_LASTING_DELAY_MS, MAX_LASTING_DELAY_MS],
};

/** The owner of the rows, as a log states it. */
function ownerOf(userId: string) {
  return { userId, generation: 1, lacking: 1, since: null };
}

describe("the back-off", () => {
  it.for(Object.entries(WAITS) as [D1Failure, [number, number]][])(
    "for a D1 that is %s doubles up to its bound and stays there, and half of it is random",
    ([failure, [first, longest]], { expect }) => {
      const bounds = (failures: number) => [retryDelay(failure, failures, 0), retryDelay(failure, failures, 1)];
      expect(bounds(1)).toEqual([first / 2, first]);
      expect(bounds(2)).toEqual([first, Math.min(longest, first * 2)]);
      expect(bounds(3)).toEqual([first * 2, first * 4].map((delay) => Math.min(longest, delay)));
      for (const failures of [20, 5_000]) expect(bounds(failures)).toEqual([longest / 2, longest]);
    },
  );
});

describe("a failure of D1", () => {
  it.for(MESSAGES)("with the text %j is recognised", ([message, failure], { expect }) => {
    expect(d1FailureOf(new Error(message))).toBe(failure);
    expect(isRefusal(new Error(message))).toBe(false);
  });

  it.for(MESSAGES)("with the text %j has its back-off and its log line", async ([message, failure], { expect }) => {
    const user = newUser();
    const d1 = breakD1(message);
    await record(user, ...events(1));
    const line = await lineOf(d1, `d1_${failure}`);
    expect(line).toMatchObject({ level: "error", failures: 1 });
    expect(line["cause"]).toContain(message);
    const [first] = WAITS[failure];
    const wait = (await alarmOf(user))! - Date.now();
    expect(wait).toBeLessThanOrEqual(first);
    if (first === MIN_LASTING_DELAY_MS) expect(wait).toBeGreaterThan(first / 3);
    d1.restore();
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toHaveLength(1);
  });

  it("is called busy if the writer's line is full", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    interceptInsertions(() => Promise.reject(new LineFullError("The writer's line is full")));
    const user = newUser();
    const outcome = await env.D1_WRITER.getByName("DB#0").insert({
      version: 1,
      ...ownerOf(user),
      rows: [rowFor(user)],
    });
    expect(outcome).toMatchObject({ ok: false, failure: "busy" });
  });

  it("is called unknown_version if the writer does not know the version of a row, and writes nothing", async ({
    expect,
  }) => {
    const user = newUser();
    const writer = env.D1_WRITER.getByName("DB#0");
    const outcomes = [
      await writer.insert({ version: 2, ...ownerOf(user), rows: [rowFor(user)] }),
      await writer.erase({ version: 2, userId: user, generation: 1, keys: [[1, 1]], isLast: true }),
    ];
    for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, failure: "unknown_version" });
    expect(await rowsOf(user)).toEqual([]);
  });
});

describe("a row that D1 refuses", () => {
  it("affects nothing else, so other users' rows and its user's later events arrive", async ({ expect }) => {
    const [bad, good] = [newUser(), newUser()];
    const restore = refuse('"bad"');
    await record(bad, ...events(2), { event: "bad" }, ...events(2, 8));
    await record(good, ...events(3));
    await vi.waitFor(async () => expect(await rowsOf(bad)).toHaveLength(4), { timeout: 5_000 });
    await delivered(good);
    await record(bad, ...events(1, 20));
    await vi.waitFor(async () => expect(await rowsOf(bad)).toHaveLength(5), { timeout: 5_000 });
    await vi.waitUntil(async () => (await pendingOf(bad)) === 1, { timeout: 5_000 });
    await runDurableObjectAlarm(userLog(bad)); // the safeguard's alarm
    expect(await alarmOf(bad)).toBeGreaterThan(Date.now() + MAX_LASTING_DELAY_MS / 2); // so it does not loop
    expect(await rowsOf(bad)).toHaveLength(5);

    restore();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + MAX_LASTING_DELAY_MS + 1 });
    await runInDurableObject(userLog(bad), (log) => log.alarm());
    vi.useRealTimers();
    expect(await rowsOf(bad)).toHaveLength(6);
    expect(await pendingOf(bad)).toBe(0);
  });

  it("is sent at once in a newer revision", async ({ expect }) => {
    const user = newUser();
    let refusals = 0;
    refuse('{\\"bad\\":1}"', () => refusals++);
    await record(user, { properties: { bad: 1 } });
    await vi.waitUntil(() => refusals > 0, { timeout: 5_000 });
    await record(user, { properties: { bad: 2 } });
    await delivered(user);
    expect(await rowsOf(user)).toMatchObject([{ revision: 2 }]);
  });
});

/** Makes D1 refuse every statement with this text in it. */
function refuse(text: string, note = () => {}): () => void {
  vi.spyOn(console, "error").mockImplementation(() => {});
  return interceptInsertions(async (run, parameter) => {
    if (!parameter.includes(text)) return run();
    note();
    throw new Error("D1_ERROR: NOT NULL constraint failed: events.event: SQLITE_CONSTRAINT");
  });
}

/** Waits for a line of the log. Users of other tests may write other lines. */
function lineOf(d1: ReturnType<typeof breakD1>, failure: string): Promise<Record<string, unknown>> {
  const find = () => d1.lines().find((line) => line["failure"] === failure && line["failures"] === 1);
  return vi.waitUntil(find, { timeout: 5_000 });
}

function rowFor(user: string): string {
  const event = { event: "e", timestamp: 1, message_id: null, properties: "{}", context: "{}" };
  return encodeEventRow({ user_id: user, generation: 1, seq: 1, revision: 1, ...event, received_at: 1, source: null });
}
