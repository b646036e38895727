import * as v from "valibot";
import { MAX_REPORTED_FAULTS } from "../limits.ts";
import { eventContract, mustBe, type TrackedEvent } from "./contract.ts";
import { type Fault, jsonPointer } from "./fault.ts";
import { isJsonObject } from "./json.ts";

// Pure: no I/O, and no clock of its own.

export type ParsedEvent = { ok: true; event: TrackedEvent } | { ok: false; faults: Fault[] };

/**
 * Makes the check of one event, for a request that came at `now` (epoch milliseconds).
 * A refused event comes with all its faults, not the first only.
 */
export function eventParser(now: number): (input: unknown) => ParsedEvent {
  const contract = eventContract(now);
  const fields = contract.pipe[0].entries;
  return (input) => {
    // Valibot takes an array for an object, and hands null on to the checks that follow.
    if (!isJsonObject(input))
      return { ok: false, faults: [{ pointer: "", detail: mustBe("a JSON object")({ input }) }] };
    const parsed = v.safeParse(contract, input);
    if (parsed.success) return { ok: true, event: parsed.output };
    const faults = [
      ...unknownFields(input, fields),
      // Valibot stops at the first unknown key and takes inherited names for known ones: counted above instead.
      ...parsed.issues.filter((issue) => !isUnknownField(issue)).map(faultOf),
    ];
    return { ok: false, faults: faults.slice(0, MAX_REPORTED_FAULTS) };
  };
}

function unknownFields(input: object, known: object): Fault[] {
  return Object.keys(input)
    .filter((key) => !Object.hasOwn(known, key))
    .map((key) => ({ pointer: jsonPointer([key]), detail: "is not a field of an event" }));
}

function isUnknownField(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === "strict_object" && issue.expected === "never";
}

function faultOf(issue: v.BaseIssue<unknown>): Fault {
  const pointer = jsonPointer((issue.path ?? []).map((item) => item.key as string | number));
  const fault: Fault = { pointer, detail: issue.message };
  // Valibot's own notation for a passed limit.
  if (issue.expected?.startsWith("<=")) {
    fault.limit = Number(issue.expected.slice(2));
    fault.actual = Number(issue.received);
  }
  return fault;
}
