import type { Found, FoundReceipt } from "./found.ts";
import type { UserHistory } from "./user-history.ts";
import type { Violation } from "./violation.ts";

/** Each erasure must be done, and have a receipt with the number of events that was answered. */
export function checkErasures(history: UserHistory, receipts: readonly FoundReceipt[]): Violation[] {
  const violations: Violation[] = [];
  const entries = history.zones.flatMap((zone) => zone.entries);
  const complain = (what: string) => violations.push({ rule: "G8", what, entries });
  for (const { databases, events, done_at, erased_at } of receipts) {
    const late = databases.filter(({ stage }) => stage !== "done");
    for (const { database, stage } of late)
      complain(`the erasure of ${events} events of ${history.user} is still at "${stage}" of ${database}`);
    // If the clock jumps back, an erasure may be done before it began, so the times are not compared.
    if (late.length === 0 && (done_at === null || Number.isNaN(Date.parse(erased_at))))
      complain(`a receipt of ${history.user} has no time`);
  }
  const left = receipts.map(({ events }) => events);
  for (const { answer } of entries) {
    if (!answer || answer.erased === 0) continue;
    const at = left.indexOf(answer.erased);
    if (at === -1)
      complain(`${history.user} has no receipt for the ${answer.erased} events that were answered as erased`);
    else left.splice(at, 1);
  }
  const unanswered = entries.filter(({ answer }) => answer === null).length;
  if (left.length > unanswered)
    complain(`${history.user} has ${receipts.length} receipts, more than there were erasures`);
  violations.push(...checkNumbers(history));
  return violations;
}

/** An erasure that did not overlap with another one erased all answered events, and no more than were sent. */
function checkNumbers(history: UserHistory): Violation[] {
  return history.zones.flatMap(({ entries }, segment): Violation[] => {
    const [entry] = entries;
    if (entries.length !== 1 || !entry!.answer) return [];
    const own = history.attempts.filter((attempt) => history.mayBeIn(attempt, segment));
    const most = new Set(own.map(({ key }) => key)).size;
    const sure = own.filter((attempt) => attempt.verdict?.seq !== undefined && history.segmentOf(attempt) === segment);
    const least = Math.max(0, ...sure.map(({ verdict }) => verdict!.seq!));
    const { erased } = entry!.answer;
    if (erased >= least && erased <= most) return [];
    const what = `${erased} events of ${history.user} were answered as erased, of at least ${least} and at most ${most}`;
    return [{ rule: "G8", what, entries: [entry!] }];
  });
}

/** D1 and the archive must have no rows of a user who has no log. */
export function checkForgotten(found: Pick<Found, "timelines" | "archive" | "d1">): Violation[] {
  const users = new Set([...found.archive, ...found.d1].map(({ user }) => user));
  return [...users]
    .filter((user) => (found.timelines.get(user) ?? []).length === 0)
    .map((user) => ({ rule: "G8", what: `D1 or the archive has rows of ${user}, who has no log`, entries: [] }));
}
