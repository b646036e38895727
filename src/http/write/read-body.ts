import { MAX_REQUEST_BYTES } from "../../limits.ts";
import { inflate } from "./inflate.ts";
import type { Problem } from "../problem.ts";

export type BodyText = { ok: true; text: string } | { ok: false; problem: Problem };

/** The content encodings that are undone; null for none. */
const ENCODINGS = new Map<string, "gzip" | "deflate" | null>([
  ["", null],
  ["identity", null],
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
]);

/**
 * Reads a request's body as text. The limit is on the inflated bytes, counted while they stream, so that a bomb
 * costs little more memory than the limit.
 */
export async function readBody(request: Request): Promise<BodyText> {
  const encoding = ENCODINGS.get((request.headers.get("content-encoding") ?? "").trim().toLowerCase());
  if (encoding === undefined)
    return refuse({ reason: "unsupported_encoding", supported: ["gzip", "deflate", "identity"] });

  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > MAX_REQUEST_BYTES) return tooLarge(declared);
  if (!request.body) return { ok: true, text: "" };

  let chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = request.body;
  if (encoding !== null) {
    try {
      chunks = [await inflate(request.body, encoding, MAX_REQUEST_BYTES + 1)];
    } catch {
      return refuse({ reason: "malformed_body", detail: `is not valid ${encoding} data` });
    }
  }
  return readText(chunks);
}

async function readText(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<BodyText> {
  // "fatal": replacing broken bytes by U+FFFD would store something else than what was sent.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let size = 0;
  let text = "";
  try {
    for await (const chunk of chunks) {
      size += chunk.byteLength;
      if (size > MAX_REQUEST_BYTES) return tooLarge(size);
      text += decoder.decode(chunk, { stream: true });
    }
    return { ok: true, text: text + decoder.decode() };
  } catch {
    return refuse({ reason: "malformed_body", detail: "is not valid UTF-8" });
  }
}

/** Where the length was not declared, or is that of compressed data, `actual` is how much had come by then. */
function tooLarge(actual: number): BodyText {
  return refuse({ reason: "body_too_large", limit: MAX_REQUEST_BYTES, actual, unit: "bytes" });
}

function refuse(problem: Problem): BodyText {
  return { ok: false, problem };
}
