import { MAX_ECHOED_CHARACTERS } from "../limits.ts";

/** One thing that is wrong with what a client sent. `limit` and `actual` are there where a limit was passed. */
export interface Fault {
  /** RFC 6901 JSON pointer into the event, or into the body where no event could be read. */
  pointer: string;
  /** A clause about what the pointer points to, as in "is required". Never repeats the client's value. */
  detail: string;
  limit?: number;
  actual?: number;
}

/** An RFC 6901 pointer. A client's own names are cut off, so that no answer echoes a body. */
export function jsonPointer(path: readonly (string | number)[]): string {
  return path.map((key) => `/${excerpt(String(key)).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

function excerpt(text: string): string {
  // toWellFormed, because the cut may go through a surrogate pair, and a name may have been broken before.
  return (text.length > MAX_ECHOED_CHARACTERS ? `${text.slice(0, MAX_ECHOED_CHARACTERS)}…` : text).toWellFormed();
}
