import * as v from "valibot";

// Cursors are base64url of JSON. They are opaque to clients, so their content may change.

export function encodeCursor(position: unknown): string {
  // btoa accepts only Latin-1, and a position may hold a user's id.
  const ascii = JSON.stringify(position).replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return btoa(ascii).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The schema of a query parameter that holds a cursor to a position. */
export function cursorTo<Position>(position: v.GenericSchema<unknown, Position>) {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }): Position => {
      const parsed = v.safeParse(position, decode(dataset.value));
      if (parsed.success) return parsed.output;
      addIssue({ message: "is not a cursor of this list" });
      return NEVER;
    }),
  );
}

function decode(cursor: string): unknown {
  try {
    return JSON.parse(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return undefined;
  }
}
