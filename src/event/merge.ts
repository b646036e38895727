import { isSameJson, type JsonObject } from "./json.ts";

// Pure.

/**
 * Merges what was sent again under the same identity into what is stored: top-level keys, the newer value winning.
 *
 * Both are JSON texts of objects. Null means that the merge would change nothing, so that what was sent is a
 * duplicate: this holds for the retry of an update, too, which has only some of the stored keys.
 */
export function mergeJson(stored: string, sent: string): string | null {
  if (stored === sent) return null;
  const before = JSON.parse(stored) as JsonObject;
  const change = JSON.parse(sent) as JsonObject;
  // Spread copies a key named __proto__ as a key; Object.assign would set the prototype.
  const after = { ...before, ...change };
  return isSameJson(before, after) ? null : JSON.stringify(after);
}
