import { isJsonObject, isSameJson, type JsonObject } from "../event/json.ts";
import type { LogRow } from "./event-table.ts";

/** What a verdict says in addition, for the live view. */
export interface VerdictDetail {
  /** Which log of the user the event is in. */
  generation: number;
  /**
   * What an update changed, as JSON text: `{properties: {key: {before, after}}, context: {…}}` with the changed keys. A
   * new key has no `before`.
   */
  change?: string;
}

/** @param before the row as it was, if it was updated */
export function verdictDetail(generation: number, changed: LogRow | null, before: LogRow | undefined): VerdictDetail {
  if (!before || !changed) return { generation };
  const change = {
    properties: changeOf(before.properties, changed.properties),
    context: changeOf(before.context, changed.context),
  };
  return { generation, change: JSON.stringify(change) };
}

function changeOf(before: string, after: string): Record<string, unknown> {
  if (before === after) return {};
  const [old, now] = [parseObject(before), parseObject(after)];
  const changes = Object.keys(now).flatMap((key) => {
    if (!Object.hasOwn(old, key)) return [[key, { after: now[key] }]];
    return isSameJson(old[key], now[key]) ? [] : [[key, { before: old[key], after: now[key] }]];
  });
  // fromEntries treats `__proto__` as an ordinary key; an assignment would set the prototype.
  return Object.fromEntries(changes) as Record<string, unknown>;
}

function parseObject(text: string): JsonObject {
  const parsed: unknown = JSON.parse(text);
  return isJsonObject(parsed) ? parsed : {};
}
