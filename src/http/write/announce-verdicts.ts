import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { countRefusal, noteRejection } from "../../d1/rejections/note-rejection.ts";
import { reasonOf } from "../../d1/rejections/rejection.ts";
import { isJsonObject } from "../../event/json.ts";
import type { ParsedEvent } from "../../event/parse-event.ts";
import { callOf, idOf } from "../../event/segment-call.ts";
import {
  MAX_EVENT_NAME_CHARACTERS,
  MAX_REJECTED_BODY_CHARACTERS,
  MAX_REQUEST_BYTES,
  MAX_USER_ID_CHARACTERS,
  USUAL_INFLATION,
} from "../../limits.ts";
import type { Arrival } from "../../live/live-verdict.ts";
import { announce } from "../../live/watch.ts";
import { settingsOf } from "../../settings.ts";
import type { AppEnv } from "../app-env.ts";
import { renderProblem } from "../problem.ts";
import type { EventResult, RequestOutcome } from "./record-request.ts";

/** A request's events as the client sent them, by their index. */
export interface SentEvents {
  /** The event, or undefined if it could not be read. */
  event: (index: number) => unknown;
  /** A body that holds only this event and could be sent to the same path. */
  body: (index: number) => unknown;
}

/** Where a request came from, and when. Plain data, because the request has ended when it is read. */
interface Origin {
  requestId: string;
  path: string;
  key: string | null;
  colo: string | null;
  /** When the request arrived and when its events were recorded, in epoch milliseconds. */
  receivedAt: number;
  recordedAt: number;
}

/**
 * Passes on what became of a request's events: all to the live view, and the rejected ones to be kept. Returns at once.
 */
export function announceVerdicts(
  c: Context<AppEnv>,
  sent: SentEvents,
  parsed: readonly ParsedEvent[],
  recorded: RequestOutcome,
): void {
  c.set("isAnnounced", true);
  if (recorded.outcome === "unavailable") return;
  const { results } = recorded;
  const origin = originOf(c);
  announce(
    c.env,
    {
      events: results.length,
      bytes: bytesOf(c),
      list: () => results.map((result, i) => arrivalOf(origin, i, result, sent, parsed[i]!)),
    },
    origin.recordedAt,
  );
  results.forEach((result, index) => {
    if (result.status !== "rejected") return;
    const { event, userId } = namesOf(sent.event(index), parsed[index]!);
    noteRejection(c.env, {
      receivedAt: origin.receivedAt,
      reason: reasonOf(result.faults, "The event"),
      path: origin.path,
      source: origin.key,
      event,
      userId,
      faults: result.faults,
      body: settingsOf(c.env).keepsRejectedBodies ? bodyText(sent.body(index)) : null,
    });
  });
}

/**
 * Middleware for the routes that write. Passes on whole requests that were refused. Those without a key are only
 * counted, because strangers could fill the table.
 */
export const announceRefusals = createMiddleware<AppEnv>(async (c, next) => {
  c.set("receivedAt", Date.now());
  await next();
  const refused = c.get("refused");
  if (!refused || c.get("isAnnounced")) return;
  const { status, body } = renderProblem(refused, undefined);
  if (status >= 500) return;
  const origin = originOf(c);
  if (c.get("source") === undefined) return countRefusal(c.env, origin.receivedAt, body.title);
  const { errors: faults } = body;
  if (faults.length === 0) faults.push({ pointer: "", detail: body.detail });
  const reason = reasonOf(faults, "The body");
  const { receivedAt, path, key } = origin;
  noteRejection(c.env, { receivedAt, reason, path, source: key, event: null, userId: null, faults, body: null });
  const nameless = { status: "rejected", event: null, userId: null, stored: null, faults, body: undefined } as const;
  announce(c.env, { events: 1, bytes: 0, list: () => [{ ...shared(origin, 0), ...nameless }] }, origin.recordedAt);
});

function originOf(c: Context<AppEnv>): Origin {
  const now = Date.now();
  const { colo } = c.req.raw.cf ?? {};
  return {
    requestId: c.get("requestId"),
    path: c.req.path,
    key: c.get("source"),
    colo: typeof colo === "string" ? colo : null,
    receivedAt: c.get("receivedAt") ?? now,
    recordedAt: now,
  };
}

/** The request's approximate size in bytes, without reading it. */
function bytesOf(c: Context): number {
  const declared = Number(c.req.header("content-length")) || MAX_REQUEST_BYTES;
  return c.req.header("content-encoding") === undefined ? declared : declared * USUAL_INFLATION;
}

function shared({ requestId, path, key, colo, receivedAt, recordedAt }: Origin, index: number) {
  return { id: `${requestId}:${index}`, path, key, colo, receivedAt, logMs: recordedAt - receivedAt };
}

function arrivalOf(origin: Origin, index: number, result: EventResult, sent: SentEvents, parsed: ParsedEvent): Arrival {
  if (result.status === "rejected") {
    const body = sent.event(index);
    return {
      ...shared(origin, index),
      ...namesOf(body, parsed),
      status: result.status,
      stored: null,
      faults: result.faults,
      body,
    };
  }
  const { event, userId, timestamp, messageId, properties, context } = result.event;
  const { seq, revision, late, detail } =
    result.status === "suppressed" ? { seq: null, revision: null, late: false, detail: undefined } : result;
  const { generation, change } = detail ?? {};
  const stored = { timestamp, messageId, properties, context, seq, revision, late, generation, change };
  return { ...shared(origin, index), status: result.status, event, userId, stored, faults: [], body: undefined };
}

/** The event's name and the user's id, also those of a rejected event if they are texts. */
function namesOf(sent: unknown, parsed: ParsedEvent): { event: string | null; userId: string | null } {
  if (parsed.ok) return parsed.event;
  if (!isJsonObject(sent)) return { event: null, userId: null };
  const { event, event_name, user_id, userId, anonymousId, type } = sent;
  return {
    event: textOf([event, event_name, callOf(type)], MAX_EVENT_NAME_CHARACTERS),
    // Uses the id that the event would have had, so that the user's export and erasure find the rejection.
    userId: textOf([user_id, userId, anonymousId].map(idOf), MAX_USER_ID_CHARACTERS),
  };
}

function textOf(values: unknown[], maxCharacters: number): string | null {
  const text = values.find((value) => typeof value === "string" && value !== "");
  return typeof text === "string" ? text.slice(0, maxCharacters).toWellFormed() : null;
}

function bodyText(body: unknown): string | null {
  if (body === undefined) return null;
  const text = JSON.stringify(body);
  return text.length <= MAX_REJECTED_BODY_CHARACTERS ? text : null;
}
