import { isSameJson, type JsonObject } from "./json.ts";

// Pure.

/**
 * Merges the JSON text of an object that was sent again under the same identity into the stored one: top-level keys are
 * replaced by the newer value.
 *
 * Returns null if the merge changes nothing, so that the event is a duplicate. This also holds for the retry of an
 * update, which has only some of the stored keys.
 */
export function mergeJson(stored: string, sent: string): string | null {
  if (stored === sent) return null;
  const before = JSON.parse(stored) as JsonObject;
  const change = JSON.parse(sent) as JsonObject;
  // Spread copies `__proto__` as an ordinary key; Object.assign would set the prototype.
  const after = { ...before, ...change };
  return isSameJson(before, after) ? null : JSON.stringify(after);
}
