import { gunzipSync, inflateRawSync, inflateSync } from "node:zlib";

type Inflated = { ok: true; bytes: Uint8Array } | { ok: false; reason: "corrupt" | "too_large" };

/**
 * Inflates a body up to `limit` bytes and stops there, so a decompression bomb costs no more than the limit. Never
 * throws: data that is corrupt, cut off or followed by other data is "corrupt".
 */
export function inflate(data: Uint8Array, encoding: "gzip" | "deflate", limit: number): Inflated {
  const run = encoding === "gzip" ? gunzipSync : isZlib(data[0]) ? inflateSync : inflateRawSync;
  try {
    // `info`, which the types lack, makes the result tell how much of the data was read.
    const { buffer, engine } = run(data, { maxOutputLength: limit, info: true }) as unknown as {
      buffer: Uint8Array;
      engine: { bytesWritten: number };
    };
    return engine.bytesWritten === data.byteLength ? { ok: true, bytes: buffer } : { ok: false, reason: "corrupt" };
  } catch (error) {
    return { ok: false, reason: error instanceof RangeError ? "too_large" : "corrupt" };
  }
}

/**
 * "deflate" means zlib's format, but some clients send the raw deflate data inside it. The first byte tells: in zlib's
 * format its lower half is the method, 8, and no encoder begins a raw block like that.
 */
function isZlib(firstByte: number | undefined): boolean {
  return firstByte !== undefined && (firstByte & 0x0f) === 8;
}
