import { MAX_REQUEST_BYTES } from "../../limits.ts";
import { inflate } from "./inflate.ts";
import type { Problem } from "../describe-problem.ts";

type Refusal = { ok: false; problem: Problem };

export type BodyText = { ok: true; text: string } | Refusal;

/** The content encodings that are accepted; null means that nothing needs decoding. */
const ENCODINGS = new Map<string, "gzip" | "deflate" | null>([
  ["", null],
  ["identity", null],
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
]);

/** Reads a request's body as text. The limit applies to the inflated bytes, and no more than that is ever inflated. */
export async function readBody(request: Request): Promise<BodyText> {
  const encoding = ENCODINGS.get((request.headers.get("content-encoding") ?? "").trim().toLowerCase());
  if (encoding === undefined)
    return refuse({ reason: "unsupported_encoding", supported: ["gzip", "deflate", "identity"] });

  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > MAX_REQUEST_BYTES) return tooLarge(declared);
  if (!request.body) return { ok: true, text: "" };

  const read = await readBytes(request.body);
  if (!read.ok) return read;
  if (encoding === null || read.bytes.byteLength === 0) return decode(read.bytes);
  const inflated = inflate(read.bytes, encoding, MAX_REQUEST_BYTES);
  if (inflated.ok) return decode(inflated.bytes);
  return inflated.reason === "too_large"
    ? tooLarge(MAX_REQUEST_BYTES + 1)
    : refuse({ reason: "malformed_body", detail: `is not valid ${encoding} data` });
}

/** Reads at most as many bytes as a request may have. They come in chunks, and a client may vanish between two. */
async function readBytes(body: ReadableStream<Uint8Array>): Promise<{ ok: true; bytes: Uint8Array } | Refusal> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of body) {
      size += piece.byteLength;
      if (size > MAX_REQUEST_BYTES) return tooLarge(size);
      pieces.push(piece);
    }
  } catch {
    return refuse({ reason: "malformed_body", detail: "broke off before its end: send it again" });
  }
  const [only] = pieces;
  return { ok: true, bytes: only && pieces.length === 1 ? only : joined(pieces, size) };
}

function joined(pieces: Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let end = 0;
  for (const piece of pieces) {
    bytes.set(piece, end);
    end += piece.byteLength;
  }
  return bytes;
}

function decode(bytes: Uint8Array): BodyText {
  try {
    // "fatal", because replacing broken bytes with U+FFFD would store something that was not sent.
    return { ok: true, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes) };
  } catch {
    return refuse({ reason: "malformed_body", detail: "is not valid UTF-8" });
  }
}

/** If the length was not declared or the data is compressed, `actual` is only what had been read by then. */
function tooLarge(actual: number): Refusal {
  return refuse({ reason: "body_too_large", limit: MAX_REQUEST_BYTES, actual, unit: "bytes" });
}

function refuse(problem: Problem): Refusal {
  return { ok: false, problem };
}
