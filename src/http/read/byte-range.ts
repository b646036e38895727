/** The positions of the first and the last byte of a part, both included. */
interface ByteRange {
  start: number;
  end: number;
}

/**
 * Reads a `Range` header (RFC 9110, section 14). Returns null if the whole content has to be sent, because there is no
 * header, or one that is ignored, such as several ranges at once. Returns "unsatisfiable" if the content has no such
 * part.
 *
 * @param bytes the length of the content
 */
export function parseByteRange(header: string | undefined, bytes: number): ByteRange | null | "unsatisfiable" {
  const [, first, last, suffix] = /^bytes=\s*(?:(\d+)-(\d*)|-(\d+))\s*$/i.exec(header ?? "") ?? [];
  if (suffix !== undefined)
    return Number(suffix) === 0 ? "unsatisfiable" : { start: Math.max(0, bytes - Number(suffix)), end: bytes - 1 };
  if (first === undefined || (last && Number(last) < Number(first))) return null;
  if (Number(first) >= bytes) return "unsatisfiable";
  return { start: Number(first), end: Math.min(last ? Number(last) : Infinity, bytes - 1) };
}
