import { type Context, Hono } from "hono";
import * as v from "valibot";
import { eraseRejections } from "../../d1/rejections/remove-rejections.ts";
import { userId } from "../../event/contract.ts";
import { formatTimestamp } from "../../event/timestamp.ts";
import { logFailure } from "../../log-failure.ts";
import { settingsOf } from "../../settings.ts";
import { callUserLog, callUserLogOnce, type RemoteUserLog } from "../../user/call-user-log.ts";
import type { AppEnv } from "../app-env.ts";
import { cursorTo, encodeCursor } from "./cursor.ts";
import { presentErasure } from "./present-erasure.ts";
import { presentEvent } from "./present-event.ts";
import { problem } from "../problem.ts";
import { nonEmptyText, pageLimit, parseQuery, pointInTime } from "./query.ts";
import { requireKey } from "../require-key.ts";

const wholeNumber = v.pipe(v.number(), v.safeInteger());

export const timelineQuery = v.strictObject({
  from: v.optional(pointInTime),
  to: v.optional(pointInTime),
  event: v.optional(nonEmptyText),
  order: v.optional(v.picklist(["asc", "desc"], "must be asc or desc"), "asc"),
  limit: pageLimit,
  cursor: v.optional(cursorTo(v.strictTuple([wholeNumber, wholeNumber]))),
});

export const users = new Hono<AppEnv>()
  .use("/users/:user_id/*", requireKey("read"))

  .get("/users/:user_id/events", async (c) => {
    const parsed = parseQuery(c, timelineQuery);
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const { cursor, ...query } = parsed.query;
    if (query.from !== undefined && query.to !== undefined && query.from > query.to)
      return problem(c, { reason: "invalid_request", faults: [{ pointer: "/from", detail: "is after to" }] });
    const after = cursor && { timestamp: cursor[0], seq: cursor[1] };
    return askUser(
      c,
      (log) => log.timeline({ ...query, ...(after && { after }) }),
      (page, user_id) =>
        page
          ? c.json({
              user_id,
              events: page.events.map(presentEvent),
              next_cursor: page.next && encodeCursor([page.next.timestamp, page.next.seq]),
            })
          : unknownUser(c),
    );
  })

  .get("/users/:user_id", (c) =>
    ask(
      c,
      (log) => log.summary(),
      (summary, user_id) =>
        summary
          ? c.json({
              user_id,
              properties: summary.properties,
              events: summary.events,
              first_seen: formatTimestamp(summary.firstSeen),
              last_seen: formatTimestamp(summary.lastSeen),
              pending: summary.pending,
            })
          : unknownUser(c),
    ),
  )

  .delete("/users/:user_id", (c) =>
    ask(
      c,
      (log, id) => eraseUser(c, log, id),
      ({ erased, receipt }, user_id) => c.json({ user_id, erased, erasures: receipt.map(presentErasure) }),
      callUserLogOnce,
    ),
  )

  .get("/users/:user_id/erasure", (c) =>
    ask(
      c,
      (log) => log.erasure(),
      (receipt, user_id) =>
        receipt.length > 0
          ? c.json({ user_id, erasures: receipt.map(presentErasure) })
          : problem(c, { reason: "not_found", detail: "Nothing of this user was erased in the last 30 days." }),
    ),
  )

  .get("/users/:user_id/suppression", (c) =>
    ask(
      c,
      (log) => log.isSuppressed(),
      (suppressed, user_id) => c.json({ user_id, suppressed }),
    ),
  )
  .put("/users/:user_id/suppression", (c) => suppress(c, true))
  .delete("/users/:user_id/suppression", (c) => suppress(c, false));

/** Erases the log first, which does not need D1. Rejects if D1 may hold rejections of the user and is unavailable. */
async function eraseUser(c: Context<AppEnv>, log: RemoteUserLog, id: string) {
  const outcome = await log.erase();
  if (settingsOf(c.env).keepsRejectedBodies) await eraseRejections(c.env, id, Date.now());
  return outcome;
}

function suppress(c: Context<AppEnv>, suppressed: boolean): Promise<Response> {
  return ask(
    c,
    (log) => log.setSuppressed(suppressed),
    (_, user_id) => c.json({ user_id, suppressed }),
  );
}

/**
 * For paths without parameters. Rejects any parameter, because ignoring one, such as a period to erase, would be wrong.
 */
async function ask<T>(
  c: Context<AppEnv>,
  call: (log: RemoteUserLog, userId: string) => Promise<T>,
  answer: (value: T, userId: string) => Response,
  reach = callUserLog,
): Promise<Response> {
  const parsed = parseQuery(c, v.strictObject({}));
  return parsed.ok ? askUser(c, call, answer, reach) : problem(c, { reason: "invalid_request", faults: parsed.faults });
}

/** Calls the object of the user in the path and answers with the result. */
async function askUser<T>(
  c: Context<AppEnv>,
  call: (log: RemoteUserLog, userId: string) => Promise<T>,
  answer: (value: T, userId: string) => Response,
  reach = callUserLog,
): Promise<Response> {
  // Addressing an object creates it, so only ids that an event could have may get that far.
  const id = v.safeParse(userId, c.req.param("user_id"));
  if (!id.success)
    return problem(c, {
      reason: "invalid_request",
      faults: [{ pointer: "/user_id", detail: id.issues[0].message }],
    });
  const called = await reach(c.env, id.output, (log) => call(log, id.output));
  if (called.ok) return answer(called.value, id.output);
  logFailure("user_log_unreachable", called.error, { request_id: c.get("requestId") });
  return problem(c, { reason: "unreachable" });
}

function unknownUser(c: Context<AppEnv>): Response {
  return problem(c, { reason: "not_found", detail: "Nothing is stored for this user." });
}
