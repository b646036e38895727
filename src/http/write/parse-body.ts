import { isJsonObject } from "../../event/json.ts";
import { jsonPointer } from "../../event/fault.ts";
import { MAX_REQUEST_EVENTS } from "../../limits.ts";
import type { Problem } from "../problem.ts";

/** One element of a body, still unchecked, or why it could not even be read. */
export type Element = { ok: true; input: unknown } | { ok: false; detail: string };

type ParsedBody =
  | { ok: true; form: "single"; elements: [Element] }
  /** `pointer` is that of the array in the body. */
  | { ok: true; form: "several"; elements: Element[]; pointer: "" | "/batch" }
  | { ok: false; problem: Problem };

/** Reads the four forms of /track's body: one event, an array, `{"batch": […]}`, or newline-delimited JSON. */
export function parseBody(text: string, contentType: string | undefined): ParsedBody {
  if (isNdjson(contentType)) return several(parseLines(text), "");
  const parsed = parseJson(text);
  if (!parsed.ok) return refuse({ reason: "malformed_body", detail: parsed.detail });
  const body = parsed.input;
  if (Array.isArray(body)) return several(body.map(element), "");
  if (!isJsonObject(body) || !Object.hasOwn(body, "batch"))
    return { ok: true, form: "single", elements: [element(body)] };

  const { batch, ...others } = body;
  const faults = Object.keys(others).map((key) => ({
    pointer: jsonPointer([key]),
    detail: "is not a field of a batch",
  }));
  if (!Array.isArray(batch)) faults.unshift({ pointer: "/batch", detail: "must be an array of events" });
  if (faults.length > 0) return refuse({ reason: "invalid_request", faults });
  return several((batch as unknown[]).map(element), "/batch");
}

/** Parses JSON text; the reason names the place where the parser does, and repeats nothing of the text. */
export function parseJson(text: string): Element {
  if (text.trim() === "") return { ok: false, detail: "is empty" };
  try {
    return element(JSON.parse(text));
  } catch (error) {
    const position = /at position (\d+)/.exec(String(error))?.[1];
    return { ok: false, detail: `is not valid JSON${position ? `: see character ${position}` : ""}` };
  }
}

function parseLines(text: string): Element[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(parseJson);
}

function several(elements: Element[], pointer: "" | "/batch"): ParsedBody {
  const refused = checkCount(elements.length, pointer);
  return refused ? refuse(refused) : { ok: true, form: "several", elements, pointer };
}

/** Says why a request cannot hold this many events, or null where it can. */
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
