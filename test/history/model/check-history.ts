import { checkAnswers } from "./check-answers.ts";
import { checkCopies } from "./check-copies.ts";
import { checkCounters } from "./check-counters.ts";
import { checkErasures, checkForgotten } from "./check-erasures.ts";
import { checkFeed } from "./check-feed.ts";
import { checkLive } from "./check-live.ts";
import { checkSummary } from "./check-summaries.ts";
import { checkSuppression } from "./check-suppression.ts";
import { checkTimelines } from "./check-timelines.ts";
import type { Entry } from "./entry.ts";
import type { Found } from "./found.ts";
import { userHistories } from "./user-history.ts";
import type { Violation } from "./violation.ts";

/**
 * Checks all answers of a run, and what was found after it, against the guarantees. Pure. A request without an answer may
 * or may not have had its effect, so a history is a violation only if it is wrong in both cases.
 */
export function checkHistory(entries: readonly Entry[], found: Found): Violation[] {
  const histories = userHistories(entries);
  const violations: Violation[] = [];
  for (const [user, history] of histories) {
    const timeline = found.timelines.get(user) ?? [];
    violations.push(
      ...checkAnswers(history),
      ...checkSuppression(history, found.suppressed.get(user)),
      ...checkTimelines(history, timeline),
      ...checkErasures(history, found.receipts.get(user) ?? []),
      ...checkSummary(user, timeline, found.summaries.get(user) ?? null),
    );
  }
  violations.push(
    ...checkCopies(found),
    ...checkForgotten(found),
    ...checkFeed(entries, histories, found),
    ...checkLive(entries, histories),
    ...checkCounters(found, entries),
  );
  if (found.health !== "ok") violations.push({ rule: "health", what: `/health says ${found.health}`, entries: [] });
  return violations;
}
