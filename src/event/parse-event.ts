import * as v from "valibot";
import { eventContract, mustBe, type TrackedEvent } from "./contract.ts";
import { type Fault, faultsOf } from "./fault.ts";
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
    return { ok: false, faults: faultsOf(parsed.issues, input, fields, "is not a field of an event") };
  };
}
