import type { BaseIssue, MaxCodePointsIssue } from "valibot";
import { MAX_ECHOED_CHARACTERS, MAX_REPORTED_FAULTS } from "../limits.ts";
import { codePoints, isJsonObject } from "./json.ts";

/** One thing that is wrong with what a client sent. `limit` and `actual` are present if a limit was exceeded. */
export interface Fault {
  /** RFC 6901 JSON pointer into the event, or into the body if no event could be read. */
  pointer: string;
  /** A clause about what the pointer points to, as in "is required". Never repeats the client's value. */
  detail: string;
  limit?: number;
  actual?: number;
}

/**
 * All faults that a Valibot schema of a strict object found in an input.
 *
 * @param fields the object's known fields; every other field is a fault
 * @param unknown the detail for an unknown field
 */
export function faultsOf(
  issues: BaseIssue<unknown>[],
  input: unknown,
  fields: object,
  unknown: string | ((name: string) => string),
): Fault[] {
  const names = isJsonObject(input) ? Object.keys(input).filter((key) => !Object.hasOwn(fields, key)) : [];
  return [
    ...names.slice(0, MAX_REPORTED_FAULTS).map((key) => ({
      pointer: jsonPointer([key]),
      detail: typeof unknown === "string" ? unknown : unknown(key),
    })),
    // Valibot stops at the first unknown key and takes inherited names for known ones, so unknown keys are found above.
    ...issueFaults(issues.filter(({ type, expected }) => type !== "strict_object" || expected !== "never")),
  ].slice(0, MAX_REPORTED_FAULTS);
}

/** The faults that a Valibot schema found in the fields that it knows. */
export function issueFaults(issues: BaseIssue<unknown>[]): Fault[] {
  return issues.map(faultOf);
}

function faultOf(issue: BaseIssue<unknown>): Fault {
  const pointer = jsonPointer((issue.path ?? []).map((item) => item.key as string | number));
  const fault: Fault = { pointer, detail: issue.message };
  if (isTooLong(issue)) Object.assign(fault, { limit: issue.requirement, actual: codePoints(issue.input) });
  return fault;
}

/** Length is the only limit that the schemas check. The size and depth of events are checked separately. */
function isTooLong(issue: BaseIssue<unknown>): issue is MaxCodePointsIssue<string, number> {
  return issue.type === "max_code_points";
}

/** An RFC 6901 pointer. Long field names are cut off, so that no answer echoes a body. */
export function jsonPointer(path: readonly (string | number)[]): string {
  return path.map((key) => `/${excerpt(String(key)).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

function excerpt(text: string): string {
  // The cut may split a surrogate pair, and the name may have been malformed before.
  return (text.length > MAX_ECHOED_CHARACTERS ? `${text.slice(0, MAX_ECHOED_CHARACTERS)}…` : text).toWellFormed();
}
