import { env, exports } from "cloudflare:workers";
import type { TrackedEvent } from "../src/event/contract.ts";
import type { JsonObject } from "../src/event/json.ts";
import { profileOf } from "../src/event/parse-event.ts";
import { app } from "../src/app.ts";

// The Worker as the tests use it: through its own fetch, and through the bindings behind it.

/** A user id that no other test has: storage is isolated by file, not by test. */
export function newUser(): string {
  return `user-${crypto.randomUUID()}`;
}

/** A valid event, with the given fields changed. */
export function anEvent(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { event: "signed_up", user_id: "user123", timestamp: "2026-01-02T03:04:05.678Z", properties: {}, ...changes };
}

/** An event in the form in which a user's log takes it, past the limits of a request. */
export function tracked({
  properties = {},
  context = {},
  ...changes
}: Partial<Omit<TrackedEvent, "properties" | "context">> & { properties?: object; context?: object }): TrackedEvent {
  return {
    event: "signed_up",
    userId: "user123",
    timestamp: 1_700_000_000_000,
    messageId: "",
    enrichment: "",
    profile: profileOf(properties as JsonObject),
    hasOwnTime: true,
    hasOwnId: (changes.messageId ?? "") !== "",
    ...changes,
    properties: JSON.stringify(properties),
    context: JSON.stringify(context),
  };
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

/** Any answer of the API, as loosely as a client reads it. */
// oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of an answer is its own statement
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

/** What D1 has of a user, in the order of the log. */
export async function rowsOf(userId: string): Promise<Answer[]> {
  const { results } = await env.DB.prepare("SELECT * FROM events WHERE user_id = ? ORDER BY generation, seq")
    .bind(userId)
    .all<Answer>();
  return results;
}

/** A request under other settings than those of .dev.vars, which let everybody in. */
export async function requestWith(settings: Partial<Env>, path: string, init: RequestInit = {}) {
  const response = await app.request(path, init, { ...env, ...settings });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : {}) as Answer };
}
