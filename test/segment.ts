import { env, exports } from "cloudflare:workers";
import type { Answer } from "./tracklog.ts";

// Segment's protocol as the tests speak it.

/** A track message as a batch holds it, with the given fields changed. */
export function aMessage(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { type: "track", event: "clicked", userId: "u1", timestamp: "2026-01-02T03:04:05.678Z", ...changes };
}

/** Sends a body; JSON unless it is something else already. */
export async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const sent = typeof body === "string" || body instanceof ReadableStream ? body : JSON.stringify(body);
  const response = await exports.default.fetch(`https://tracklog.test${path}`, { method: "POST", body: sent, headers });
  return { status: response.status, headers: response.headers, body: await response.json<Answer>() };
}

/** Configures write keys as a deployment has them; none is needed again after the returned function has run. */
export function withWriteKeys(keys: string): () => void {
  const before = { OPEN: env.OPEN, WRITE_KEYS: env.WRITE_KEYS };
  Object.assign(env, { OPEN: "false", WRITE_KEYS: keys });
  return () => Object.assign(env, before);
}
