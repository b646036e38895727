import { isJsonObject, type JsonObject } from "../../event/json.ts";
import { type Fault, jsonPointer } from "../../event/fault.ts";
import { MAX_REPORTED_FAULTS, MAX_REQUEST_EVENTS } from "../../limits.ts";
import type { Problem } from "../describe-problem.ts";
import { findJsonFault } from "./json-fault.ts";

/** One element of a body, not validated yet, or why it could not be parsed. */
export type Element = { ok: true; input: unknown } | { ok: false; detail: string };

type ParsedBody =
  | { ok: true; form: "single"; elements: [Element] }
  /** `pointer` leads to the array in the body. */
  | { ok: true; form: "several"; elements: Element[]; pointer: "" | "/batch" }
  | { ok: false; problem: Problem };

/** Parses the four forms of /track's body: one event, an array, `{"batch": […]}`, and newline-delimited JSON. */
export function parseBody(text: string, contentType: string | undefined): ParsedBody {
  if (isNdjson(contentType)) return several(parseLines(text), "");
  const parsed = parseJson(text);
  if (!parsed.ok) return refuse({ reason: "malformed_body", detail: isLines(text) ? LINES_CURE : parsed.detail });
  const body = parsed.input;
  if (Array.isArray(body)) return several(body.map(element), "");
  if (!isJsonObject(body)) return { ok: true, form: "single", elements: [element(body)] };
  if (!Object.hasOwn(body, "batch")) {
    const misnamed = misnamedBatch(body);
    if (misnamed) return refuse({ reason: "invalid_request", faults: [misnamed] });
    return { ok: true, form: "single", elements: [element(body)] };
  }

  const { batch, ...others } = body;
  const faults = batchFieldFaults(Object.keys(others));
  if (!Array.isArray(batch)) faults.unshift({ pointer: "/batch", detail: "must be an array of events" });
  if (faults.length > 0) return refuse({ reason: "invalid_request", faults });
  return several((batch as unknown[]).map(element), "/batch");
}

/** A batch of Segment's protocol at this path is one mistake, so it gets one fault and not one for each field. */
function batchFieldFaults(names: string[]): Fault[] {
  const ofSegment = names.find((name) => name === "writeKey" || name === "sentAt");
  return (ofSegment === undefined ? names : [ofSegment]).slice(0, MAX_REPORTED_FAULTS).map((name) => ({
    pointer: jsonPointer([name]),
    detail: "is not a field of a batch: leave it out, or send Segment's batches to /v1/batch",
  }));
}

/** Parses JSON text. The reason for a refusal names the place and repeats nothing of the text. */
export function parseJson(text: string, firstLine = 1): Element {
  if (text.trim() === "") return { ok: false, detail: "is empty" };
  try {
    return element(JSON.parse(text));
  } catch {
    const { line, character, element: index, slip } = findJsonFault(text);
    const place = `line ${firstLine + line - 1}, character ${character}`;
    const where = index === null ? place : `${place}, in element ${index} of the array`;
    return { ok: false, detail: `is not valid JSON: see ${where}${slip ? ` (${slip})` : ""}` };
  }
}

function parseLines(text: string): Element[] {
  return text.split("\n").flatMap((line, index) => (line.trim() === "" ? [] : [parseJson(line, index + 1)]));
}

/**
 * Lines need their own content type. If they were guessed, a body that was cut off or garbled by a bug could pass for
 * lines, and part of it would be stored.
 */
const LINES_CURE = "holds one JSON object on each line: send it with Content-Type: application/x-ndjson";

/** Whether a text that is not JSON begins with two lines that are JSON objects. */
function isLines(text: string): boolean {
  const [first, second] = text.split("\n", 1_000).filter((line) => line.trim() !== "");
  return [first, second].every((line) => line !== undefined && isObjectText(line));
}

function isObjectText(text: string): boolean {
  const parsed = text.trimStart().startsWith("{") ? parseJson(text) : null;
  return parsed?.ok === true;
}

/** The fault of an object that has an array but no field of an event, which is a batch under another name. */
function misnamedBatch(body: JsonObject): Fault | null {
  if (EVENT_FIELDS.some((field) => Object.hasOwn(body, field))) return null;
  const name = Object.keys(body).find((key) => Array.isArray(body[key]));
  if (name === undefined) return null;
  return {
    pointer: jsonPointer([name]),
    detail: 'is not the name of the list: send {"batch": […]}, or the array alone',
  };
}

const EVENT_FIELDS = ["event", "event_name", "user_id", "userId", "timestamp", "properties", "context"];

function several(elements: Element[], pointer: "" | "/batch"): ParsedBody {
  const refused = checkCount(elements.length, pointer);
  return refused ? refuse(refused) : { ok: true, form: "several", elements, pointer };
}

/** Says why a request cannot hold this many events, or null if it can. */
export function checkCount(events: number, pointer: string): Problem | null {
  if (events === 0) return { reason: "invalid_request", faults: [{ pointer, detail: "holds no events" }] };
  if (events > MAX_REQUEST_EVENTS)
    return { reason: "body_too_large", limit: MAX_REQUEST_EVENTS, actual: events, unit: "events" };
  return null;
}

function isNdjson(contentType: string | undefined): boolean {
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  return type === "application/x-ndjson" || type === "application/ndjson" || type === "application/jsonl";
}

function element(input: unknown): Element {
  return { ok: true, input };
}

function refuse(problem: Problem): ParsedBody {
  return { ok: false, problem };
}
