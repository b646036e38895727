import { Hono } from "hono";
import { eventParser, type ParsedEvent } from "../../event/parse-event.ts";
import { announceVerdicts } from "./announce-verdicts.ts";
import { answer } from "./answer.ts";
import type { AppEnv } from "../app-env.ts";
import { enriched } from "./enrich.ts";
import { type Element, parseBody } from "./parse-body.ts";
import { problem } from "../problem.ts";
import { readBody } from "./read-body.ts";
import { recordRequest } from "./record-request.ts";
import { requireKey } from "../require-key.ts";

export const track = new Hono<AppEnv>().post("/track", requireKey("write"), async (c) => {
  const read = await readBody(c.req.raw);
  if (!read.ok) return problem(c, read.problem);
  const body = parseBody(read.text, c.req.header("content-type"));
  if (!body.ok) return problem(c, body.problem);

  const parseEvent = eventParser(Date.now());
  const parsed = body.elements.map((element) => parseElement(element, parseEvent));
  const recorded = await recordRequest(c.env, parsed.map(enriched(c)), c.get("source"), c.get("requestId"));
  const sent = (index: number) => inputOf(body.elements[index]!);
  announceVerdicts(c, { event: sent, body: sent }, parsed, recorded);
  return answer(c, body.form === "single" ? body : { ...body, partial: 207 }, recorded);
});

function inputOf(element: Element): unknown {
  return element.ok ? element.input : undefined;
}

function parseElement(element: Element, parseEvent: (input: unknown) => ParsedEvent): ParsedEvent {
  return element.ok ? parseEvent(element.input) : { ok: false, faults: [{ pointer: "", detail: element.detail }] };
}
