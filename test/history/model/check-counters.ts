import type { Entry, StoredEvent } from "./entry.ts";
import type { Found } from "./found.ts";
import type { Violation } from "./violation.ts";

/** By which factor an approximate number may be too high. */
const ROUGH = 3;

/**
 * The counters of an hour are exact as long as none of its events has left D1. A sealed hour's counters only rise: they
 * include every event that was never updated. They may include more: they keep counting erased events, and they count an
 * event again that comes to D1 again after it has left, which happens if the clock leaps while an answer of D1 is lost.
 * The tallies of answers are approximate.
 */
export function checkCounters(
  found: Pick<Found, "timelines" | "d1" | "counters">,
  entries: readonly Entry[],
): Violation[] {
  const violations: Violation[] = [];
  const complain = (what: string) => violations.push({ rule: "counters", what, entries: [] });
  const { rows, isComplete, sealedBefore, verdicts } = found.counters;
  if (!isComplete) complain("/stats is not complete after the roll-up");
  const stored = [...found.timelines.values()].flat();
  const exact = countOf(found.d1.map((row) => row.stored));
  const least = countOf(stored.filter(({ revision }) => revision === 1));
  const told = new Map(rows.map(({ hour, event, events }) => [`${hour} ${event}`, events]));
  for (const hour of new Set([...exact.keys(), ...least.keys(), ...told.keys()])) {
    const [is, expected, atLeast] = [told.get(hour) ?? 0, exact.get(hour) ?? 0, least.get(hour) ?? 0];
    const isSealed = Date.parse(hour.split(" ", 1)[0]!) < sealedBefore;
    if (!isSealed && is !== expected) complain(`${hour} is counted as ${is} events, but D1 has ${expected}`);
    if (isSealed && is < atLeast)
      complain(`${hour} is sealed and counted as ${is} events, but the logs have ${atLeast}`);
  }
  const records = entries.filter((entry) => entry.kind === "record");
  const sent = records.reduce((sum, { events }) => sum + events.length, 0);
  for (const [verdict, count] of Object.entries(verdicts))
    if (!(count >= 0 && count <= ROUGH * sent)) complain(`${count} events are tallied as ${verdict}, of ${sent} sent`);
  return violations;
}

/** How many events there are, by hour and name. */
function countOf(events: readonly StoredEvent[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { timestamp, event } of events) {
    const hour = `${timestamp.slice(0, "YYYY-MM-DDTHH".length)}:00:00.000Z ${event}`;
    counts.set(hour, (counts.get(hour) ?? 0) + 1);
  }
  return counts;
}
