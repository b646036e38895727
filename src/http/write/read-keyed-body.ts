import type { Context } from "hono";
import { isJsonObject } from "../../event/json.ts";
import type { AppEnv } from "../app-env.ts";
import { parseJson } from "./parse-body.ts";
import { problem } from "../problem.ts";
import { type BodyText, readBody } from "./read-body.ts";
import { admit, keyInHeaders, keyInQuery } from "../require-key.ts";

type KeyedBody = { ok: true; body: unknown } | { ok: false; refusal: Response };

/**
 * Reads a JSON body that may hold the write key, with any content type. SDKs send JSON as text/plain, to avoid
 * the preflight, and as a form.
 *
 * A key in the headers is checked before the body is read. Otherwise the body is read first, and its faults are told
 * only to holders of a key.
 */
export async function readKeyedBody(c: Context<AppEnv>): Promise<KeyedBody> {
  const key = keyInHeaders(c) ?? bareKey(c);
  const refusal = key === undefined ? null : await admit(c, "write", key);
  if (refusal) return { ok: false, refusal };

  const read = parsed(await readBody(c.req.raw));
  if (key === undefined) {
    const later = await admit(c, "write", (read.ok ? keyInBody(read.body) : undefined) ?? keyInQuery(c));
    if (later) return { ok: false, refusal: later };
  }
  return read.ok ? read : { ok: false, refusal: problem(c, read.problem) };
}

function parsed(read: BodyText) {
  if (!read.ok) return read;
  const json = parseJson(read.text);
  if (!json.ok) return { ok: false, problem: { reason: "malformed_body", detail: json.detail } } as const;
  return { ok: true, body: json.input } as const;
}

/** The body's own key, else that of the first message that has one. It counts as the key of the whole batch. */
function keyInBody(body: unknown): string | undefined {
  if (!isJsonObject(body)) return undefined;
  const messages = Array.isArray(body["batch"]) ? (body["batch"] as unknown[]) : [];
  for (const holder of [body, ...messages]) {
    const key = isJsonObject(holder) ? holder["writeKey"] : undefined;
    if (typeof key === "string" && key !== "") return key;
  }
  return undefined;
}

/** Dittofeed's SDK sends the key as the whole header, without a scheme. */
function bareKey(c: Context): string | undefined {
  const header = c.req.header("authorization")?.trim();
  return header && /^\S+$/.test(header) && !/^(basic|bearer)$/i.test(header) ? header : undefined;
}
