import { Hono } from "hono";
import * as v from "valibot";
import { userId } from "../../event/contract.ts";
import type { StoredEvent } from "../../event/stored-event.ts";
import { formatTimestamp } from "../../event/timestamp.ts";
import { MAX_PAGE_EVENTS } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import { type CallOutcome, callUserLog } from "../../user/call-user-log.ts";
import type { UserSummary } from "../../user/summary.ts";
import type { TimelinePage, TimelineQuery } from "../../user/timeline.ts";
import type { AppEnv } from "../app-env.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import { presentEvent } from "./present-event.ts";
import { streamOf } from "./stream-of.ts";

/**
 * Everything that is kept of a person, as one download of lines: the profile, every event, the other ids that the
 * events link the person to, and an end line. Without that line the download is not whole.
 */
export const userExport = new Hono<AppEnv>().get("/users/:user_id/export", requireKey("read"), async (c) => {
  const id = v.safeParse(userId, c.req.param("user_id"));
  if (!id.success) {
    const faults = [{ pointer: "/user_id", detail: id.issues[0].message }];
    return problem(c, { reason: "invalid_request", faults });
  }
  const first = await callUserLog(c.env, id.output, async (log) => ({
    summary: await log.summary(),
    isSuppressed: await log.isSuppressed(),
  }));
  if (!first.ok) {
    logFailure("user_log_unreachable", first.error, { request_id: c.get("requestId") });
    return problem(c, { reason: "unreachable" });
  }
  const { summary, isSuppressed } = first.value;
  if (!summary && !isSuppressed) return problem(c, { reason: "not_found", detail: "Nothing is stored for this user." });

  const lines = linesOf(c.env, id.output, summary, isSuppressed);
  const onFailure = (error: unknown) => logFailure("export_broke_off", error, { request_id: c.get("requestId") });
  return c.body(streamOf(textsOf(lines), onFailure), 200, {
    "Content-Type": "application/x-ndjson",
    "Content-Disposition": 'attachment; filename="export.ndjson"',
  });
});

async function* linesOf(
  env: Env,
  id: string,
  summary: UserSummary | null,
  isSuppressed: boolean,
): AsyncGenerator<object[]> {
  yield [
    {
      kind: "user",
      user_id: id,
      properties: summary?.properties ?? {},
      first_seen: summary && formatTimestamp(summary.firstSeen),
      last_seen: summary && formatTimestamp(summary.lastSeen),
      suppressed: isSuppressed,
    },
  ];
  const linked = new Set<string>();
  let events = 0;
  for await (const page of pagesOf(env, id, summary)) {
    events += page.length;
    for (const event of page) linkedIdsOf(event).forEach((other) => linked.add(other));
    yield page.map((event) => ({ kind: "event", ...presentEvent(event) }));
  }
  linked.delete(id);
  yield [...linked].map((other) => ({ kind: "link", id: other }));
  yield [{ kind: "end", events, links: linked.size }];
}

async function* pagesOf(env: Env, id: string, summary: UserSummary | null): AsyncGenerator<StoredEvent[]> {
  let after: TimelinePage["next"] = null;
  let isWhole = summary === null;
  while (!isWhole) {
    const query: TimelineQuery = { order: "asc", limit: MAX_PAGE_EVENTS, ...(after && { after }) };
    const call: CallOutcome<TimelinePage | null> = await callUserLog(env, id, (log) => log.timeline(query));
    if (!call.ok) throw new Error("The user's log cannot be reached", { cause: call.error });
    // A user who is erased in between has nothing more.
    yield call.value?.events ?? [];
    after = call.value?.next ?? null;
    isWhole = after === null;
  }
}

async function* textsOf(chunks: AsyncGenerator<object[]>): AsyncGenerator<string> {
  for await (const lines of chunks) yield lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** The ids by which an event links its user to somebody: a visitor before the login, or an id that was given up. */
function linkedIdsOf({ event, properties, context }: StoredEvent): string[] {
  const { anonymousId } = JSON.parse(context) as Record<string, unknown>;
  const { previous_id } = event === "alias" ? (JSON.parse(properties) as Record<string, unknown>) : {};
  return [anonymousId, previous_id].filter((other) => typeof other === "string");
}
