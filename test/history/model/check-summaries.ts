import type { StoredEvent } from "./entry.ts";
import type { FoundSummary } from "./found.ts";
import type { Violation } from "./violation.ts";

/** A user's summary must match the timeline. Its `pending` is not checked, because it may be too high after a restart. */
export function checkSummary(
  user: string,
  timeline: readonly StoredEvent[],
  summary: FoundSummary | null,
): Violation[] {
  const violations: Violation[] = [];
  const complain = (what: string) => violations.push({ rule: "G5", what: `${user} ${what}`, entries: [] });
  if (!summary) {
    if (timeline.length > 0) complain(`has ${timeline.length} events and no summary`);
    return violations;
  }
  if (summary.events !== timeline.length) complain(`has ${timeline.length} events, and a summary of ${summary.events}`);
  const latest = timeline.toSorted((a, b) =>
    a.timestamp < b.timestamp ? 1 : a.timestamp > b.timestamp ? -1 : b.seq - a.seq,
  );
  const email = latest.find(({ properties }) => properties["email"] !== undefined)?.properties["email"];
  if (summary.properties["email"] !== email)
    complain(`has the e-mail ${summary.properties["email"]}, but in the timeline it is ${String(email)}`);
  return violations;
}
