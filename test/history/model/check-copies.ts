import { isDeepStrictEqual } from "node:util";
import type { CopiedEvent, Entry, StoredEvent } from "./entry.ts";
import type { Found } from "./found.ts";
import { groupBy } from "./user-history.ts";
import type { Violation } from "./violation.ts";

/** The latest revision of each row in D1 and the archive, by user. */
export function latestCopies({ d1, archive }: Pick<Found, "d1" | "archive">): Map<string, Map<string, CopiedEvent>> {
  const users = new Map<string, Map<string, CopiedEvent>>();
  for (const copy of [...archive, ...d1]) {
    const rows = users.get(copy.user) ?? new Map<string, CopiedEvent>();
    users.set(copy.user, rows);
    const known = rows.get(rowOf(copy));
    if (!known || known.stored.revision <= copy.stored.revision) rows.set(rowOf(copy), copy);
  }
  return users;
}

/** D1 and the archive together must have exactly the logs' events, each in its latest revision. */
export function checkCopies(found: Pick<Found, "timelines" | "d1" | "archive" | "listed" | "objects">): Violation[] {
  const violations: Violation[] = [];
  const complain = (rule: string, what: string, ...entries: Entry[]) => violations.push({ rule, what, entries });
  const copies = latestCopies(found);
  for (const user of new Set([...found.timelines.keys(), ...copies.keys()])) {
    const timeline = found.timelines.get(user) ?? [];
    const rows = [...(copies.get(user)?.values() ?? [])];
    compare("D1 and the archive", user, timeline, rows, complain);
    if (new Set(rows.map(({ generation }) => generation)).size > 1)
      complain("G8", `D1 and the archive have rows of several logs of ${user}`);
  }
  // Not in the archive: a log that moves does not ask it for what its clock says is too young to be there, and a run's
  // clock leaps back by days.
  for (const [event, own] of groupBy(found.d1, (row) => `${rowOf(row)} of ${row.user}`)) {
    const databases = new Set(own.map(({ database }) => database));
    if (databases.size > 1) complain("G2", `D1 has ${event} in each of ${[...databases].join(", ")}`);
  }
  for (const [name, rows] of groupBy(found.archive, ({ object }) => object))
    if (new Set(rows.map((row) => `${rowOf(row)} ${row.user} ${row.stored.revision}`)).size < rows.length)
      complain("archive", `${name} has a row twice`);
  for (const name of found.listed.filter((listed) => !found.objects.includes(listed)))
    complain("archive", `the manifest lists ${name}, which does not exist`);
  for (const name of found.objects.filter((object) => !found.listed.includes(object)))
    complain("archive", `${name} exists, but the manifest does not list it`);
  return violations;
}

/** Compares a copy of one user's log with the log. */
function compare(
  where: string,
  user: string,
  timeline: readonly StoredEvent[],
  rows: readonly CopiedEvent[],
  complain: (rule: string, what: string) => void,
): void {
  const bySeq = new Map(timeline.map((event) => [event.seq, event]));
  const seen = new Set<number>();
  for (const { stored } of rows) {
    const event = bySeq.get(stored.seq);
    const what = `seq ${stored.seq} of ${user} (${JSON.stringify(stored.properties)})`;
    if (!event) complain("G8", `${where} has ${what}, which the log does not have`);
    else if (seen.has(stored.seq)) complain("G2", `${where} has ${what} twice`);
    else if (!isDeepStrictEqual(stored, event))
      complain("G4", `${where} has ${what} in revision ${stored.revision}, the log has ${JSON.stringify(event)}`);
    seen.add(stored.seq);
  }
  for (const { seq, properties } of timeline)
    if (!seen.has(seq)) complain("G1", `${where} lacks seq ${seq} of ${user} (${JSON.stringify(properties)})`);
}

export function rowOf({ generation, stored }: Pick<CopiedEvent, "generation" | "stored">): string {
  return `${generation}:${stored.seq}`;
}
