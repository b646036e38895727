import { MAX_REQUEST_BYTES } from "../limits.ts";
import type { Problem } from "./problem.ts";

export type BodyText = { ok: true; text: string } | { ok: false; problem: Problem };

/** The content encodings that are undone, and the platform's names of their formats. */
const FORMATS = new Map<string, "gzip" | "deflate" | null>([
  ["identity", null],
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
]);

/**
 * Reads a request's body as text. The limit is on the inflated bytes, counted while they stream, so that a bomb
 * costs no more memory than the limit.
 */
export async function readBody(request: Request): Promise<BodyText> {
  const encoding = (request.headers.get("content-encoding") ?? "").trim().toLowerCase() || "identity";
  const format = FORMATS.get(encoding);
  if (format === undefined)
    return refuse({ reason: "unsupported_encoding", supported: ["gzip", "deflate", "identity"] });

  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > MAX_REQUEST_BYTES) return tooLarge(declared);
  if (!request.body) return { ok: true, text: "" };

  const bytes = format ? request.body.pipeThrough(new DecompressionStream(format)) : request.body;
  // "fatal": replacing broken bytes by U+FFFD would store something else than what was sent.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let size = 0;
  let text = "";
  try {
    for await (const chunk of bytes) {
      size += chunk.byteLength;
      if (size > MAX_REQUEST_BYTES) return tooLarge(size);
      text += decoder.decode(chunk, { stream: true });
    }
    return { ok: true, text: text + decoder.decode() };
  } catch {
    const detail = format ? `is not valid ${encoding} data, or not UTF-8` : "is not valid UTF-8";
    return refuse({ reason: "malformed_body", detail });
  }
}

/** Where the length was not declared, `actual` is how much had come when reading stopped. */
function tooLarge(actual: number): BodyText {
  return refuse({ reason: "body_too_large", limit: MAX_REQUEST_BYTES, actual, unit: "bytes" });
}

function refuse(problem: Problem): BodyText {
  return { ok: false, problem };
}
