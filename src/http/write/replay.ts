import { type Context, Hono } from "hono";
import * as v from "valibot";
import { type RejectionRow, readReplayable } from "../../d1/rejections/read-rejections.ts";
import { removeRejections } from "../../d1/rejections/remove-rejections.ts";
import { mustBe } from "../../event/contract.ts";
import { faultsOf } from "../../event/fault.ts";
import { isJsonObject } from "../../event/json.ts";
import { eventParser, type ParsedEvent } from "../../event/parse-event.ts";
import type { SegmentCall } from "../../event/segment-call.ts";
import { messageParser } from "../../event/segment-message.ts";
import { MAX_REPLAYED_REJECTIONS } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import type { AppEnv } from "../app-env.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import { verdictOf } from "./answer.ts";
import { parseJson } from "./parse-body.ts";
import { readBody } from "./read-body.ts";
import { type EventResult, recordRequest } from "./record-request.ts";
import { CALL_PATHS } from "./segment.ts";

const ID = "must be the id of a rejection";
const IDS = `must be a list of 1 to ${MAX_REPLAYED_REJECTIONS} ids`;
const REASON = "must be a reason as GET /rejections returns it";
const wholeNumber = v.pipe(v.number(ID), v.safeInteger(ID), v.minValue(0, ID));

const replayBody = v.strictObject(
  {
    ids: v.optional(v.pipe(v.array(wholeNumber, IDS), v.minLength(1, IDS), v.maxLength(MAX_REPLAYED_REJECTIONS, IDS))),
    reason: v.optional(v.pipe(v.string(REASON), v.nonEmpty(REASON))),
    after: v.optional(wholeNumber, 0),
  },
  mustBe('an object like {"ids": [1]}'),
);

/**
 * Records rejected events again if their bodies were kept, for use after the contract has changed. It needs a read key,
 * because it concerns people who read all rejections and erase users. An event that was sent again meanwhile is a
 * duplicate, so nothing is stored twice.
 */
export const replay = new Hono<AppEnv>().post("/rejections/replay", requireKey("read"), async (c) => {
  const read = await readBody(c.req.raw);
  if (!read.ok) return problem(c, read.problem);
  const json = parseJson(read.text);
  if (!json.ok) return problem(c, { reason: "malformed_body", detail: json.detail });
  const parsed = v.safeParse(replayBody, json.input);
  if (!parsed.success) {
    const faults = faultsOf(parsed.issues, json.input, replayBody.entries, unknownField);
    return problem(c, { reason: "invalid_request", faults });
  }
  const { ids, reason, after } = parsed.output;
  if (ids === undefined && reason === undefined)
    return problem(c, { reason: "invalid_request", faults: [{ pointer: "", detail: "must hold ids or a reason" }] });
  try {
    const selection = { ...(ids && { ids }), ...(reason !== undefined && { reason }), after };
    const rows = await readReplayable(c.env, { ...selection, limit: MAX_REPLAYED_REJECTIONS });
    const results = await replayAll(c, rows);
    await removeRejections(
      c.env,
      rows.filter((_, index) => isTaken(results[index])).map(({ id }) => id),
    );
    return c.json({
      success: true,
      replayed: results.filter(isTaken).length,
      results: rows.map(({ id }, index) => {
        const result = results[index];
        return result ? { id, status: result.status, ...verdictOf(result) } : { id, status: "unavailable" };
      }),
      next_after: rows.length === MAX_REPLAYED_REJECTIONS ? rows.at(-1)!.id : null,
    });
  } catch (error) {
    logFailure("replay_broke_off", error, { request_id: c.get("requestId") });
    return problem(c, { reason: "unreachable" });
  }
});

function unknownField(): string {
  return "is not a field of a replay: send ids, or a reason and after";
}

function isTaken(result: EventResult | undefined): boolean {
  return result !== undefined && result.status !== "rejected";
}

/** Records each event under the name of its own key. A result is undefined if the user's log could not be reached. */
async function replayAll(c: Context<AppEnv>, rows: RejectionRow[]): Promise<(EventResult | undefined)[]> {
  const results: (EventResult | undefined)[] = rows.map(() => undefined);
  for (const source of new Set(rows.map((row) => row.source))) {
    const places = [...rows.keys()].filter((index) => rows[index]!.source === source);
    const events = places.map((index) => parseRejected(rows[index]!, c.get("requestId")));
    const recorded = await recordRequest(c.env, events, source, c.get("requestId"));
    if (recorded.outcome !== "unavailable") places.forEach((place, i) => (results[place] = recorded.results[i]));
  }
  return results;
}

function parseRejected({ id, path, received_at, body }: RejectionRow, requestId: string): ParsedEvent {
  const sent: unknown = JSON.parse(body!);
  if (path === "/track") return eventParser(Date.now())(sent);
  const envelope = isJsonObject(sent) ? sent : {};
  // A message without a time of its own keeps the time of its first receipt.
  const request = { envelope, now: received_at, nonce: `${requestId}:${id}` };
  const [call] = Object.entries(CALL_PATHS).find(([, paths]) => paths.includes(path)) ?? [];
  if (call !== undefined) return messageParser({ ...request, call: call as SegmentCall })(sent);
  const { batch } = envelope;
  return messageParser(request)(Array.isArray(batch) ? batch[0] : undefined);
}
