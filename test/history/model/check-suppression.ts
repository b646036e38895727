import type { SuppressEntry } from "./entry.ts";
import type { Attempt, UserHistory } from "./user-history.ts";
import type { Violation } from "./violation.ts";

/** A change that was not answered may still take effect for this long. */
const LATE_MS = 5_000;

/** Events of a user must not be stored while the user is suppressed, and must be stored at other times. */
export function checkSuppression(history: UserHistory, isSuppressed: boolean | undefined): Violation[] {
  const violations = history.attempts.flatMap((attempt): Violation[] => {
    if (!attempt.verdict || attempt.verdict.status === "rejected") return [];
    const state = stateDuring(history.suppressions, attempt);
    const isAnswered = attempt.verdict.status === "suppressed";
    if (state === null || state.on === isAnswered) return [];
    const what = state.on
      ? `${attempt.key} was stored although ${history.user} was suppressed`
      : `${attempt.key} was not stored, although ${history.user} was not suppressed`;
    return [{ rule: "suppression", what, entries: [...(state.by ? [state.by] : []), attempt.entry] }];
  });
  const last = stateDuring(history.suppressions, { from: Infinity, to: Infinity });
  if (isSuppressed !== undefined && last && last.on !== isSuppressed) {
    const what = `${history.user} is ${isSuppressed ? "" : "not "}suppressed in the end`;
    violations.push({ rule: "suppression", what, entries: last.by ? [last.by] : [] });
  }
  return violations;
}

/** Whether the user was suppressed during the whole span. Null if this is unknown. Changes are sent one after another. */
function stateDuring(
  toggles: readonly SuppressEntry[],
  { from, to }: Pick<Attempt, "from" | "to">,
): { on: boolean; by?: SuppressEntry } | null {
  const begun = toggles.filter(({ invoked }) => invoked <= to);
  const isOpen = begun.some(({ ended, answer }) => (answer ? ended : ended + LATE_MS) >= from);
  if (isOpen) return null;
  const last = begun.findLast(({ answer }) => answer !== null);
  const isUnsure = begun.some(({ id, on }) => id > (last?.id ?? 0) && on !== (last?.on ?? false));
  if (isUnsure) return null;
  return last ? { on: last.on, by: last } : { on: false };
}
