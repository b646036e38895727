import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import type { Dice } from "./random.ts";

const BOMB_MB = [2, 20, 200];
const bombs = new Map<string, Buffer>();

interface Encoded {
  body: Buffer;
  /** The header's value, which may be wrong. */
  encoding: string | null;
  isDamaged: boolean;
}

/** A compressed body, one that only claims to be compressed, a broken one, or one that inflates to a large size. */
export function encoded(body: Uint8Array, dice: Dice): Encoded {
  switch (dice.below(14)) {
    case 0:
      return whole(deflateSync(body), "deflate");
    case 1:
      return whole(deflateRawSync(body), "deflate");
    case 2:
      return whole(brotliCompressSync(body, { params: {} }), "br");
    case 3:
      return whole(gzipSync(gzipSync(body)), "gzip, gzip");
    case 4: {
      const half = body.length >> 1;
      return whole(Buffer.concat([gzipSync(body.subarray(0, half)), gzipSync(body.subarray(half))]), "gzip");
    }
    case 5:
      return { ...whole(Buffer.from(body), dice.one(["gzip", "deflate"])), isDamaged: true };
    case 6:
      return { ...whole(damaged(gzipSync(body), dice), "gzip"), isDamaged: true };
    case 7:
      return { ...whole(damaged(deflateSync(body), dice), "deflate"), isDamaged: true };
    case 8:
      return dice.hits(0.1) ? { ...whole(bomb(dice), "gzip"), isDamaged: true } : whole(gzipSync(body), "GZIP");
    case 9:
      return whole(gzipSync(body), dice.one(["x-gzip", "identity", "gzip;q=1", "zstd", " gzip "]));
    default:
      return whole(gzipSync(body), "gzip");
  }
}

function whole(body: Buffer, encoding: string): Encoded {
  return { body, encoding, isDamaged: false };
}

function damaged(bytes: Buffer, dice: Dice): Buffer {
  const at = dice.below(bytes.length);
  if (dice.hits(0.4)) return bytes.subarray(0, at);
  if (dice.hits(0.3)) return Buffer.concat([bytes, dice.bytes(1 + dice.below(20))]);
  const copy = Buffer.from(bytes);
  copy[at] = dice.below(256);
  return copy;
}

/** Megabytes of spaces or of open brackets, which compress to a thousandth. */
function bomb(dice: Dice): Buffer {
  const megabytes = dice.one(BOMB_MB);
  const fill = dice.one([" ", "[", '{"a":']);
  const name = `${megabytes} ${fill}`;
  let bytes = bombs.get(name);
  if (!bytes) {
    bytes = gzipSync(Buffer.alloc(megabytes * 1_000_000, fill));
    bombs.set(name, bytes);
  }
  return bytes;
}
