/** How much is inflated at a time. Deflate makes at most 1,032 bytes of one, hence of this at most 1 MiB. */
const SLICE_BYTES = 1024;

/**
 * Inflates a body, up to `limit` bytes; a result of that length means that there may be more. Throws where the data
 * is corrupt or cut off.
 *
 * A DecompressionStream has no backpressure: it inflates at once whatever is written to it, 200 MB out of 200 KB.
 * So one read waits for all that is wanted, and the body is written in slices until that read has its fill.
 */
export async function inflate(
  body: ReadableStream<Uint8Array>,
  encoding: "gzip" | "deflate",
  limit: number,
): Promise<Uint8Array> {
  let stream: Inflating | undefined;
  try {
    reading: for await (const chunk of body) {
      for (let start = 0; start < chunk.byteLength; start += SLICE_BYTES) {
        stream ??= open(encoding === "deflate" && !isZlib(chunk[0]!) ? "deflate-raw" : encoding, limit);
        await stream.writer.write(chunk.subarray(start, start + SLICE_BYTES));
        if (stream.isFull) break reading;
      }
    }
    if (!stream) throw new TypeError("There is nothing to inflate");
    if (!stream.isFull) await stream.writer.close();
    return (await stream.read).value ?? new Uint8Array();
  } finally {
    await stream?.writer.abort().catch(() => {});
  }
}

/**
 * "deflate" means zlib's format, but some clients send the bare deflate that is inside. Told apart by the first byte:
 * zlib's has the method, 8, in its lower half, with which no encoder begins a bare block.
 */
function isZlib(firstByte: number): boolean {
  return (firstByte & 0x0f) === 8;
}

interface Inflating {
  writer: WritableStreamDefaultWriter<BufferSource>;
  read: Promise<ReadableStreamReadResult<Uint8Array>>;
  isFull: boolean;
}

function open(format: "gzip" | "deflate" | "deflate-raw", limit: number): Inflating {
  const { readable, writable } = new DecompressionStream(format);
  const read = readable.getReader({ mode: "byob" }).readAtLeast(limit, new Uint8Array(limit));
  const stream: Inflating = { writer: writable.getWriter(), read, isFull: false };
  const settle = () => {
    stream.isFull = true;
  };
  // A read that fails is reported by the write that made it fail.
  read.then(settle, settle);
  return stream;
}
