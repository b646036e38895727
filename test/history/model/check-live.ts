import { type Entry, keyOfSent, type LiveEntry } from "./entry.ts";
import { type Attempt, groupBy, type UserHistory } from "./user-history.ts";
import type { Violation } from "./violation.ts";

/** A viewer may miss events, but must not see one that was not sent, one twice, or a verdict that was not answered. */
export function checkLive(entries: readonly Entry[], histories: ReadonlyMap<string, UserHistory>): Violation[] {
  const violations: Violation[] = [];
  const seen = new Set<string>();
  const byKey = new Map<string, Map<string, Attempt[]>>();
  for (const entry of entries.filter((one): one is LiveEntry => one.kind === "live"))
    for (const line of entry.answer) {
      const complain = (what: string, ...involved: Entry[]) =>
        violations.push({ rule: "live view", what, entries: [...involved, entry] });
      if (seen.has(line.id)) complain(`${line.id} was shown twice`);
      seen.add(line.id);
      const label = line.properties?.["id"];
      const version = line.properties?.["last"];
      if (line.verdict === "rejected" || typeof label !== "string") continue;
      const history = histories.get(line.user);
      const known =
        byKey.get(line.user) ?? groupBy(history?.attempts ?? [], ({ sent }) => keyOfSent({ ...sent, copy: 1 }));
      byKey.set(line.user, known);
      const attempts = (known.get(label) ?? []).filter(
        ({ sent, from }) => sent.version === version && from < entry.ended,
      );
      const involved = attempts.map((attempt) => attempt.entry);
      if (attempts.length === 0) complain(`${label} of ${line.user} was shown, which was not sent`);
      const isPossible = attempts.some(
        ({ verdict }) =>
          verdict === null ||
          (verdict.status === line.verdict &&
            (verdict.seq ?? null) === line.seq &&
            (verdict.revision ?? null) === line.revision),
      );
      if (attempts.length > 0 && !isPossible)
        complain(
          `${label} of ${line.user} was shown as ${line.verdict}, seq ${line.seq}, revision ${line.revision}`,
          ...involved,
        );
    }
  return violations;
}
