import { type Attempt, groupBy, type UserHistory } from "./user-history.ts";
import type { Violation } from "./violation.ts";

/** Finds contradictions between the answers that a user's clients got. These are faults, whatever was stored. */
export function checkAnswers(history: UserHistory): Violation[] {
  const answered = history.attempts.filter(({ verdict }) => verdict !== null);
  const refused = answered.filter(({ verdict }) => verdict!.status === "rejected");
  const violations = refused.map(({ entry, key }): Violation => ({
    rule: "G6",
    what: `${key} is valid and was rejected`,
    entries: [entry],
  }));
  const taken = answered.filter(({ verdict }) => verdict!.seq !== undefined);
  for (const [segment, attempts] of groupBy(taken, (attempt) => history.segmentOf(attempt))) {
    if (segment === null) continue;
    for (const [key, own] of groupBy(attempts, (attempt) => attempt.key))
      violations.push(...checkEvent(history, segment, key, own));
    violations.push(...checkNumbers(attempts), ...checkOrder(attempts));
  }
  return violations;
}

/** Checks the answers about one event, within one segment of its user's history. */
function checkEvent(history: UserHistory, segment: number, key: string, attempts: Attempt[]): Violation[] {
  const violations: Violation[] = [];
  const complain = (rule: string, what: string, ...involved: Attempt[]) =>
    violations.push({ rule, what, entries: involved.map(({ entry }) => entry) });
  const [first] = attempts;
  const others = history.attempts.filter((other) => other.key === key && history.mayBeIn(other, segment));
  for (const attempt of attempts) {
    const { status, seq, revision } = attempt.verdict!;
    if (seq !== first!.verdict!.seq)
      complain("G2", `${key} was answered as seq ${first!.verdict!.seq} and as seq ${seq}`, first!, attempt);
    const before = others.filter((other) => other !== attempt && other.from < attempt.to);
    if (status === "duplicate" && !before.some(({ sent }) => sent.version === attempt.sent.version))
      complain(
        "G4",
        `version ${attempt.sent.version} of ${key} cannot be a duplicate, because it was never sent before`,
        attempt,
      );
    if (status === "updated" && before.length === 0)
      complain("G4", `${key} was updated although it was never sent before`, attempt);
    if (status === "created" && revision !== 1) complain("G4", `${key} was created as revision ${revision}`, attempt);
    const known = attempts.find(({ to, verdict }) => to < attempt.from && verdict!.status !== "suppressed");
    if (status === "created" && known)
      complain("G2", `${key} was created although it was stored already`, known, attempt);
    const newer = attempts.find(({ to, verdict }) => to < attempt.from && verdict!.revision! > revision!);
    if (newer) complain("G4", `${key} fell from revision ${newer.verdict!.revision} to ${revision}`, newer, attempt);
  }
  const merged = attempts.filter(({ verdict }) => verdict!.status !== "duplicate");
  for (const [version, twice] of groupBy(merged, ({ sent }) => sent.version))
    if (twice.length > 1) complain("G2", `version ${version} of ${key} was stored more than once`, ...twice);
  for (const [revision, twice] of groupBy(merged, ({ verdict }) => verdict!.revision))
    if (twice.length > 1) complain("G4", `two versions of ${key} were answered as revision ${revision}`, ...twice);
  for (const late of attempts.filter(({ verdict }) => verdict!.status === "duplicate")) {
    const own = merged.find(({ sent }) => sent.version === late.sent.version);
    if (own && own.verdict!.revision! > late.verdict!.revision!)
      complain("G4", `a duplicate of ${key} was answered with a revision that is older than its own`, own, late);
  }
  return violations;
}

/** Each number belongs to one event. */
function checkNumbers(attempts: Attempt[]): Violation[] {
  return [...groupBy(attempts, ({ verdict }) => verdict!.seq)].flatMap(([seq, own]): Violation[] => {
    const other = own.find(({ key }) => key !== own[0]!.key);
    if (!other) return [];
    const entries = [own[0]!.entry, other.entry];
    return [{ rule: "G3", what: `seq ${seq} was answered for ${own[0]!.key} and for ${other.key}`, entries }];
  });
}

/** An event that was sent after another one had been answered has a greater number. */
function checkOrder(attempts: Attempt[]): Violation[] {
  const violations: Violation[] = [];
  const created = attempts.filter(({ verdict }) => verdict!.status === "created");
  const byEnd = created.toSorted((a, b) => a.to - b.to);
  let next = 0;
  let highest: Attempt | undefined;
  for (const attempt of created.toSorted((a, b) => a.from - b.from)) {
    for (; byEnd[next] && byEnd[next]!.to < attempt.from; next++)
      if (!highest || byEnd[next]!.verdict!.seq! > highest.verdict!.seq!) highest = byEnd[next]!;
    if (highest && highest.verdict!.seq! > attempt.verdict!.seq!)
      violations.push({
        rule: "G3",
        what: `${attempt.key} got seq ${attempt.verdict!.seq} after ${highest.key} had got ${highest.verdict!.seq}`,
        entries: [highest.entry, attempt.entry],
      });
  }
  for (const [entry, own] of groupBy(created, (attempt) => attempt.entry)) {
    const seqs = own.map(({ verdict }) => verdict!.seq!);
    if (seqs.some((seq, index) => index > 0 && seq < seqs[index - 1]!))
      violations.push({
        rule: "G3",
        what: `a request's events are numbered out of order: ${seqs.join(", ")}`,
        entries: [entry],
      });
  }
  return violations;
}
