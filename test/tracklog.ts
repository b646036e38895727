import { runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import type { TrackedEvent } from "../src/event/contract.ts";
import { profileOf } from "../src/event/parse-event.ts";
import { vi } from "vitest";
import { app } from "../src/app.ts";
import type { Verdict } from "../src/user/record-event.ts";
import { ERASURE_RECEIPT_MS } from "../src/limits.ts";
import type { Erasure, LogState } from "../src/user/stored-values.ts";
import type { UserLog } from "../src/user/user-log.ts";

// Uses the Worker as tests do: through its own fetch, and through the bindings behind it.

/** A user id that no other test has: storage is isolated by file, not by test. */
export function newUser(): string {
  return `user-${crypto.randomUUID()}`;
}

/** A valid event, with the given fields changed. */
export function anEvent(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { event: "signed_up", user_id: "user123", timestamp: "2026-01-02T03:04:05.678Z", properties: {}, ...changes };
}

/** An event in the form that is sent to a user's log. The limits of a request do not apply. */
export function tracked({
  properties = {},
  context = {},
  ...changes
}: Partial<Omit<TrackedEvent, "properties" | "context">> & {
  userId: string;
  properties?: Record<string, unknown>;
  context?: object;
}): TrackedEvent {
  return {
    event: "signed_up",
    timestamp: 1_700_000_000_000,
    messageId: "",
    enrichment: "",
    profile: profileOf(properties),
    hasOwnTime: true,
    hasOwnId: (changes.messageId ?? "") !== "",
    ...changes,
    properties: JSON.stringify(properties),
    context: JSON.stringify(context),
  };
}

type Sent = Omit<Parameters<typeof tracked>[0], "userId">;

/** Records events directly in a user's log, without the limits of a request. Returns what became of each. */
export async function record(userId: string, ...sent: Sent[]): Promise<Verdict[]> {
  const all = sent.map((event) => tracked({ ...event, userId }));
  const answer = await userLog(userId).record(all, null);
  if (answer.status !== "recorded") throw new Error(`The user's rate was exceeded by ${all.length} events`);
  return answer.verdicts;
}

/** This many different events in the order of their time, numbered from `from`. */
export function events(count: number, from = 1, changes: Sent = {}): Sent[] {
  return Array.from({ length: count }, (_, i) => ({ timestamp: 1_700_000_000_000 + from + i, ...changes }));
}

/** Reads or changes the storage of a user's object. */
export function inStorage<T>(userId: string, look: (storage: DurableObjectStorage) => T | Promise<T>): Promise<T> {
  return runInDurableObject(userLog(userId), (_, { storage }) => look(storage));
}

/** When the alarm of a user's object goes off, in epoch milliseconds. */
export function alarmOf(userId: string): Promise<number | null> {
  return inStorage(userId, (storage) => storage.getAlarm());
}

export function stateOf(userId: string): Promise<LogState | undefined> {
  return inStorage(userId, ({ kv }) => kv.get<LogState>("log"));
}

/** How many events D1 lacks, as far as the user's object knows. */
export async function pendingOf(userId: string): Promise<number> {
  return (await userLog(userId).summary())?.pending ?? 0;
}

/** Waits until D1 has everything and the user's object knows that. */
export async function delivered(userId: string, timeout = 5_000): Promise<void> {
  await vi.waitUntil(async () => (await pendingOf(userId)) === 0, { timeout, interval: 10 });
}

/** Sends a body to /track; JSON unless it is text already. */
export async function track(body: unknown, headers: Record<string, string> = {}) {
  const response = await exports.default.fetch("https://tracklog.test/track", {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers,
  });
  return { status: response.status, headers: response.headers, body: await response.json<Answer>() };
}

/** Any answer of the API, loosely typed. */
// oxlint-disable-next-line typescript/no-explicit-any -- each test states what it expects of an answer
export type Answer = Record<string, any>;

export function get(path: string) {
  return call("GET", path);
}

export async function call(method: string, path: string) {
  const response = await exports.default.fetch(`https://tracklog.test${path}`, { method });
  return { status: response.status, headers: response.headers, body: await response.json<Answer>() };
}

/** Reads a list to its end, page by page. */
export async function pagesOf(path: string): Promise<Answer[][]> {
  const pages: Answer[][] = [];
  for (let cursor = ""; ;) {
    const { body } = await get(`${path}${cursor}`);
    pages.push(body["events"] as Answer[]);
    if (body["next_cursor"] === null) return pages;
    cursor = `${path.includes("?") ? "&" : "?"}cursor=${body["next_cursor"]}`;
  }
}

export async function timelineOf(userId: string): Promise<Answer[]> {
  const { body } = await get(`/users/${encodeURIComponent(userId)}/events`);
  return body["events"] as Answer[];
}

export function userLog(userId: string) {
  return env.USER_LOG.getByName(userId);
}

/** A user's rows in D1, in the order of the log. */
export async function rowsOf(userId: string): Promise<Answer[]> {
  const { results } = await env.DB.prepare("SELECT * FROM events WHERE user_id = ? ORDER BY generation, seq")
    .bind(userId)
    .all<Answer>();
  return results;
}

/** Sends a request with other settings than those of .dev.vars, which need no key. */
export async function requestWith(settings: Partial<Env>, path: string, init: RequestInit = {}) {
  const response = await app.request(path, init, { ...env, ...settings });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : {}) as Answer };
}

/** Waits until a user's erasures are complete, and then lets the time of the receipts pass. */
export async function letReceiptsExpire(userId: string): Promise<void> {
  const isDone = async () =>
    (await inStorage(userId, ({ kv }) => [...kv.list<Erasure>({ prefix: "erasure:" })])).every(
      ([, { doneAt }]) => doneAt !== null,
    );
  await vi.waitUntil(isDone, { timeout: 10_000, interval: 20 });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ERASURE_RECEIPT_MS + 1 });
  try {
    await runInDurableObject(userLog(userId), (log: UserLog) => log.alarm());
  } finally {
    vi.useRealTimers();
  }
}
