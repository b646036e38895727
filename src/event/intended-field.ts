import type { SentEvent } from "./contract.ts";

// Pure.

type Field = keyof SentEvent;

/** The names that other APIs and languages use for an event's fields, in lower case and without separators. */
const OTHER_NAMES: Record<Field, readonly string[]> = {
  event: ["name", "action", "type", "eventtype"],
  event_name: [],
  user_id: ["user", "uid", "anonymousid", "distinctid", "customerid", "profileid"],
  properties: ["property", "props", "traits", "data", "params", "attributes", "payload"],
  timestamp: ["time", "date", "datetime", "ts", "createdat", "occurredat", "originaltimestamp"],
  context: ["ctx"],
  message_id: ["eventid", "insertid", "uuid", "idempotencykey"],
};

const FIELDS = Object.keys(OTHER_NAMES) as Field[];

/** A longer name is not a typing mistake. */
const MAX_NAME_CHARACTERS = 24;

/** The field that a client probably meant by an unknown name, or undefined. */
export function intendedField(name: string): Field | undefined {
  if (name.length > MAX_NAME_CHARACTERS) return undefined;
  const plain = plainOf(name);
  return (
    FIELDS.find((field) => plain === plainOf(field) || OTHER_NAMES[field].includes(plain)) ??
    FIELDS.find((field) => plain.length > 2 && distanceOf(plain, plainOf(field)) <= (field.length > 5 ? 2 : 1))
  );
}

function plainOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
}

/** How many letters must be inserted, removed, changed or swapped with the next one (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        last[j]! + 1,
        row[j - 1]! + 1,
        last[j - 1]! + (isSame ? 0 : 1),
        isSwapped ? beforeLast[j - 2]! + 1 : Infinity,
      );
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
