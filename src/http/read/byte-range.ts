/** The first and the last byte of a part, both of them in it. */
interface ByteRange {
  start: number;
  end: number;
}

/**
 * Reads a `Range` header (RFC 9110, section 14). Null where everything is to be sent: there is no header, or one that
 * means nothing here, such as several ranges at once. "unsatisfiable" where the content has no such part.
 *
 * @param bytes how long the content is
 */
export function parseByteRange(header: string | undefined, bytes: number): ByteRange | null | "unsatisfiable" {
  const [, first, last, suffix] = /^bytes=\s*(?:(\d+)-(\d*)|-(\d+))\s*$/i.exec(header ?? "") ?? [];
  if (suffix !== undefined)
    return Number(suffix) === 0 ? "unsatisfiable" : { start: Math.max(0, bytes - Number(suffix)), end: bytes - 1 };
  if (first === undefined || (last && Number(last) < Number(first))) return null;
  if (Number(first) >= bytes) return "unsatisfiable";
  return { start: Number(first), end: Math.min(last ? Number(last) : Infinity, bytes - 1) };
}
