import { Hono } from "hono";
import * as v from "valibot";
import { readRejections } from "../../d1/rejections/read-rejections.ts";
import { userId } from "../../event/contract.ts";
import type { StoredEvent } from "../../event/stored-event.ts";
import { formatTimestamp } from "../../event/timestamp.ts";
import { MAX_PAGE_EVENTS } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import { type CallOutcome, callUserLog } from "../../user/call-user-log.ts";
import type { ErasureReceipt } from "../../user/erasure.ts";
import type { UserSummary } from "../../user/summary.ts";
import type { TimelinePage, TimelineQuery } from "../../user/timeline.ts";
import type { AppEnv } from "../app-env.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import { presentErasure } from "./present-erasure.ts";
import { presentEvent } from "./present-event.ts";
import { presentRejection } from "./present-rejection.ts";
import { streamOf } from "./stream-of.ts";
import { inTime } from "../../d1/in-time.ts";

/** What is stored about a person besides events. It is read before the answer begins. */
interface Kept {
  summary: UserSummary | null;
  isSuppressed: boolean;
  erasures: ErasureReceipt;
  rejections: RejectionPage;
}

/**
 * Everything that is stored about a person, as one download of lines: the profile, every event, the other ids that the
 * events link to the person, receipts of erasures, stored rejections, and an end line. A download without the end line
 * is incomplete.
 */
export const userExport = new Hono<AppEnv>().get("/users/:user_id/export", requireKey("read"), async (c) => {
  const id = v.safeParse(userId, c.req.param("user_id"));
  if (!id.success) {
    const faults = [{ pointer: "/user_id", detail: id.issues[0].message }];
    return problem(c, { reason: "invalid_request", faults });
  }
  const kept = await keptOf(c.env, id.output);
  if (!kept.ok) {
    logFailure("export_unreadable", kept.error, { request_id: c.get("requestId") });
    return problem(c, { reason: "unreachable" });
  }
  const { summary, isSuppressed, erasures, rejections } = kept.value;
  if (!summary && !isSuppressed && erasures.length + rejections.rows.length === 0)
    return problem(c, { reason: "not_found", detail: "Nothing is stored for this user." });

  const lines = linesOf(c.env, id.output, kept.value);
  const onFailure = (error: unknown) => logFailure("export_broke_off", error, { request_id: c.get("requestId") });
  return c.body(streamOf(textsOf(lines), onFailure), 200, {
    "Content-Type": "application/x-ndjson",
    "Content-Disposition": 'attachment; filename="export.ndjson"',
  });
});

async function keptOf(env: Env, id: string): Promise<CallOutcome<Kept>> {
  const called = await callUserLog(env, id, async (log) => ({
    summary: await log.summary(),
    isSuppressed: await log.isSuppressed(),
    erasures: await log.erasure(),
  }));
  if (!called.ok) return called;
  try {
    return { ok: true, value: { ...called.value, rejections: await rejectionsOf(env, id) } };
  } catch (error) {
    return { ok: false, error };
  }
}

async function* linesOf(
  env: Env,
  id: string,
  { summary, isSuppressed, erasures, rejections }: Kept,
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
  yield erasures.map((receipt) => ({ kind: "erasure", ...presentErasure(receipt) }));
  let rejected = 0;
  for (let page = rejections; ; page = await rejectionsOf(env, id, page.next)) {
    rejected += page.rows.length;
    yield page.rows.map((row) => ({ kind: "rejection", ...presentRejection(row) }));
    if (page.next === null) break;
  }
  yield [{ kind: "end", events, links: linked.size, erasures: erasures.length, rejections: rejected }];
}

type RejectionPage = Awaited<ReturnType<typeof readRejections>>;

function rejectionsOf(env: Env, id: string, before: number | null = null): Promise<RejectionPage> {
  const page = readRejections(env, { user_id: id, limit: MAX_PAGE_EVENTS, ...(before !== null && { before }) });
  return inTime(page);
}

async function* pagesOf(env: Env, id: string, summary: UserSummary | null): AsyncGenerator<StoredEvent[]> {
  let after: TimelinePage["next"] = null;
  let isWhole = summary === null;
  while (!isWhole) {
    const query: TimelineQuery = { order: "asc", limit: MAX_PAGE_EVENTS, ...(after && { after }) };
    const call: CallOutcome<TimelinePage | null> = await callUserLog(env, id, (log) => log.timeline(query));
    if (!call.ok) throw new Error("The user's log cannot be reached", { cause: call.error });
    // A user who is erased meanwhile has no more events.
    yield call.value?.events ?? [];
    after = call.value?.next ?? null;
    isWhole = after === null;
  }
}

async function* textsOf(chunks: AsyncGenerator<object[]>): AsyncGenerator<string> {
  for await (const lines of chunks) yield lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** The ids that an event links to its user: that of a visitor before the login, or one that was given up. */
function linkedIdsOf({ event, properties, context }: StoredEvent): string[] {
  const { anonymousId } = JSON.parse(context) as Record<string, unknown>;
  const { previous_id } = event === "alias" ? (JSON.parse(properties) as Record<string, unknown>) : {};
  return [anonymousId, previous_id].filter((other) => typeof other === "string");
}
