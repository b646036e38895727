import { MAX_NESTING_LEVELS } from "../limits.ts";

// Pure. Handles what JSON.parse can return, for events that are stored as JSON text.

export type JsonObject = { [key: string]: unknown };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Says why a parsed value cannot be stored as it was sent, or returns null if it can.
 *
 * Walks with its own stack, because a body of the allowed size can nest deeper than the call stack reaches.
 *
 * @param level the nesting level of `value` itself
 */
export function unstorable(value: unknown, level: number): { detail: string; limit?: number; actual?: number } | null {
  const rest: [unknown, number][] = [[value, level]];
  let deepest = 0;
  let infinite = false;
  for (let next = rest.pop(); next; next = rest.pop()) {
    const [node, depth] = next;
    // JSON has no infinity, but 1e999 parses as one and would be written as null.
    if (typeof node === "number" && !Number.isFinite(node)) infinite = true;
    if (typeof node !== "object" || node === null) continue;
    deepest = Math.max(deepest, depth);
    for (const child of Object.values(node)) rest.push([child, depth + 1]);
  }
  if (deepest > MAX_NESTING_LEVELS)
    return {
      detail: `is nested too deep: ${deepest} levels, at most ${MAX_NESTING_LEVELS}`,
      limit: MAX_NESTING_LEVELS,
      actual: deepest,
    };
  return infinite ? { detail: "holds a number too large for a 64-bit float" } : null;
}

/** Whether two parsed JSON values are equal, regardless of the order of keys. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isSameJson(item, b[i]));
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  // hasOwn, because a client may name a key "constructor" or "__proto__".
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSameJson(a[key], b[key]))
  );
}

/** The UTF-8 length of a text, in bytes. */
export function byteLength(text: string): number {
  return encoder.encode(text).byteLength;
}

/** The number of Unicode code points in a text. */
export function codePoints(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

const encoder = new TextEncoder();
