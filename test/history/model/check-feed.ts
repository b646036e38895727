import { isDeepStrictEqual } from "node:util";
import { latestCopies, rowOf } from "./check-copies.ts";
import { type CareEntry, type CopiedEvent, type Entry, type FeedEntry, type FeedLine, keyOfStored } from "./entry.ts";
import type { Found } from "./found.ts";
import { groupBy, type UserHistory } from "./user-history.ts";
import type { Violation } from "./violation.ts";

/** What one reader has from its epoch's first page on: the copy that the README says stays exact. */
interface Reader {
  name: string;
  pages: FeedEntry[];
  copy: Map<string, CopiedEvent>;
}

/** Every reader of the feed had each event once in each revision that it was told, and in the end all of them. */
export function checkFeed(
  entries: readonly Entry[],
  histories: ReadonlyMap<string, UserHistory>,
  found: Pick<Found, "timelines" | "d1" | "archive">,
): Violation[] {
  const violations: Violation[] = [];
  const pages = entries.filter((entry): entry is FeedEntry => entry.kind === "feed" && entry.answer !== null);
  const care = entries.filter((entry): entry is CareEntry => entry.kind === "care");
  // An epoch ends where its cursor is gone, which only an archive run and a rebuild may bring about.
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
    // A reader who began anew of its own accord had not read to the end.
    if (isLast && answer !== "gone" && answer?.isEnd) checkCopy(reader, histories, found, care, violations);
  }
  return violations;
}

function readInTurn(name: string, pages: FeedEntry[], archived: ReadonlySet<string>, violations: Violation[]): Reader {
  const copy = new Map<string, CopiedEvent>();
  const tellers = new Map<string, FeedEntry>();
  const erased = new Map<string, FeedEntry>();
  for (const page of pages)
    for (const line of linesOf(page)) {
      const complainBy = (rule: string, what: string, ...involved: Entry[]) =>
        violations.push({ rule, what: `${name} was told ${what}`, entries: [...involved, page] });
      const complain = complainBy.bind(null, "G7");
      if (line.kind === "erasure") {
        erased.set(logOf(line), page);
        for (const [row, known] of copy) if (logOf(known) === logOf(line)) copy.delete(row);
        continue;
      }
      const row = `${line.user} ${rowOf(line)}`;
      const label = `seq ${line.stored.seq} of ${line.user} (${keyOfStored(line.stored)})`;
      const eraser = erased.get(logOf(line));
      if (eraser) complainBy("G8", `of ${label}, after its erasure`, eraser);
      const known = copy.get(row);
      // A row that was archived may come to D1 again, if its statement's answer was lost a day before.
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
  return { name, pages, copy };
}

/** A user's events are told of in the order of their numbers, unless a rebuilding has gone through the logs by time. */
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

/** The reader has read to the end, so its copy is what the logs have: of all events, or of those since it began. */
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
  // What an archive run took from the feed before the reader began, it is not told of any more.
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
