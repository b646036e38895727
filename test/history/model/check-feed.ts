import { isDeepStrictEqual } from "node:util";
import { latestCopies, rowOf } from "./check-copies.ts";
import { type CareEntry, type CopiedEvent, type Entry, type FeedEntry, type FeedLine, keyOfStored } from "./entry.ts";
import type { Found } from "./found.ts";
import { groupBy, type UserHistory } from "./user-history.ts";
import type { Violation } from "./violation.ts";

/** A reader's pages since it last started from the beginning, and its copy, which must stay exact. */
interface Reader {
  name: string;
  pages: FeedEntry[];
  copy: Map<string, CopiedEvent>;
}

/** Every reader must get each revision at most once, and have all events in the end. */
export function checkFeed(
  entries: readonly Entry[],
  histories: ReadonlyMap<string, UserHistory>,
  found: Pick<Found, "timelines" | "d1" | "archive">,
): Violation[] {
  const violations: Violation[] = [];
  const pages = entries.filter((entry): entry is FeedEntry => entry.kind === "feed" && entry.answer !== null);
  const care = entries.filter((entry): entry is CareEntry => entry.kind === "care");
  // An epoch ends when its cursor is gone. Only an archive run or a rebuild may cause this.
  for (const gone of pages.filter(({ answer }) => answer === "gone"))
    if (!care.some(({ invoked }) => invoked < gone.ended))
      violations.push({ rule: "G7", what: "a cursor is gone although nothing had left D1", entries: [gone] });
  const archived = new Set(found.archive.map((row) => `${row.user} ${rowOf(row)} ${row.stored.revision}`));
  for (const [name, own] of groupBy(pages, ({ reader, epoch }) => `${reader}, epoch ${epoch}`)) {
    const told = own.toSorted((a, b) => a.id - b.id);
    const reader = readInTurn(name, told, archived, violations);
    checkOrder(reader, care, violations);
    const { answer } = told.at(-1)!;
    const isLast = !pages.some((page) => page.reader === told[0]!.reader && page.epoch > told[0]!.epoch);
    // A reader that started again without a reason had not read to the end.
    if (isLast && answer !== "gone" && answer?.isEnd) checkCopy(reader, histories, found, care, violations);
  }
  return violations;
}

function readInTurn(name: string, pages: FeedEntry[], archived: ReadonlySet<string>, violations: Violation[]): Reader {
  const copy = new Map<string, CopiedEvent>();
  const tellers = new Map<string, FeedEntry>();
  const erased = new Map<string, FeedEntry>();
  // A log that has moved is in the feeds of several databases. Each of them reports the erasure after what it had.
  const late = new Map<string, Violation[]>();
  for (const page of pages)
    for (const line of linesOf(page)) {
      const complain = (what: string, ...involved: Entry[]) =>
        violations.push({ rule: "G7", what: `${name} was told ${what}`, entries: [...involved, page] });
      if (line.kind === "erasure") {
        erased.set(logOf(line), page);
        late.delete(logOf(line));
        for (const [row, known] of copy) if (logOf(known) === logOf(line)) copy.delete(row);
        continue;
      }
      const row = `${line.user} ${rowOf(line)}`;
      const label = `seq ${line.stored.seq} of ${line.user} (${keyOfStored(line.stored)})`;
      const eraser = erased.get(logOf(line));
      if (eraser) {
        const what = `${name} was told of ${label}, after its erasure`;
        late.set(logOf(line), [...(late.get(logOf(line)) ?? []), { rule: "G8", what, entries: [eraser, page] }]);
      }
      const known = copy.get(row);
      // An archived row may be in D1 again if the answer to its statement was lost a day before.
      const isBack = archived.has(`${row} ${line.stored.revision}`);
      if (known && known.stored.revision === line.stored.revision && !isBack)
        complain(`twice of revision ${line.stored.revision} of ${label}`, tellers.get(row)!);
      if (known && known.stored.revision > line.stored.revision)
        complain(`of revision ${line.stored.revision} of ${label} after ${known.stored.revision}`, tellers.get(row)!);
      if (known && keyOfStored(known.stored) !== keyOfStored(line.stored))
        complain(`of ${label}, which was ${keyOfStored(known.stored)} before`, tellers.get(row)!);
      copy.set(row, line);
      tellers.set(row, page);
    }
  const { answer } = pages.at(-1)!;
  if (answer !== "gone" && answer?.isEnd) violations.push(...[...late.values()].flat());
  return { name, pages, copy };
}

/** A reader gets a user's events in the order of their numbers, unless a rebuild has read the logs in order of time. */
function checkOrder({ name, pages }: Reader, care: readonly CareEntry[], violations: Violation[]): void {
  const { ended } = pages.at(-1)!;
  if (care.some(({ what, invoked }) => what === "rebuild" && invoked < ended)) return;
  const last = new Map<string, { seq: number; page: FeedEntry }>();
  for (const page of pages)
    for (const line of linesOf(page)) {
      if (line.kind === "erasure" || line.stored.revision > 1) continue;
      const { seq } = line.stored;
      const before = last.get(logOf(line));
      if (before && before.seq > seq)
        violations.push({
          rule: "G3",
          what: `${name} was told of seq ${seq} of ${line.user} after seq ${before.seq}`,
          entries: [before.page, page],
        });
      else last.set(logOf(line), { seq, page });
    }
}

/** The reader has read to the end, so its copy must have the logs' events: all of them, or those since it began. */
function checkCopy(
  { name, pages, copy }: Reader,
  histories: ReadonlyMap<string, UserHistory>,
  found: Pick<Found, "timelines" | "d1" | "archive">,
  care: readonly CareEntry[],
  violations: Violation[],
): void {
  const first = pages[0]!;
  const last = pages.at(-1)!;
  const complain = (what: string, ...entries: Entry[]) =>
    violations.push({ rule: "G7", what: `${name} ${what}`, entries: [...entries, last] });
  for (const { user, stored } of copy.values()) {
    const event = found.timelines.get(user)?.find(({ seq }) => seq === stored.seq);
    const label = `seq ${stored.seq} of ${user} (${keyOfStored(stored)})`;
    if (!event || keyOfStored(event) !== keyOfStored(stored)) complain(`was never told that ${label} is gone`);
    else if (event.revision === stored.revision && !isDeepStrictEqual(event, stored))
      complain(`has ${label} as ${JSON.stringify(stored)}`);
  }
  // The reader does not get events that an archive run removed from the feed before it began.
  const isWhole = first.isFirst && !care.some(({ what, invoked }) => what === "archive" && invoked < first.ended);
  for (const [user, rows] of latestCopies(found))
    for (const row of rows.values()) {
      const known = copy.get(`${user} ${rowOf(row)}`);
      if (known && known.stored.revision >= row.stored.revision) continue;
      const sender = histories
        .get(user)
        ?.attempts.find(
          ({ key, verdict }) =>
            key === keyOfStored(row.stored) &&
            verdict?.revision === row.stored.revision &&
            verdict.status !== "duplicate",
        );
      if (!isWhole && !(sender && sender.from > first.ended)) continue;
      const label = `seq ${row.stored.seq} of ${user} (${keyOfStored(row.stored)})`;
      complain(`was never told of revision ${row.stored.revision} of ${label}`, ...(sender ? [sender.entry] : []));
    }
}

function linesOf({ answer }: FeedEntry): FeedLine[] {
  return answer === "gone" || answer === null ? [] : answer.lines;
}

function logOf({ user, generation }: { user: string; generation: number }): string {
  return `${generation} ${user}`;
}
