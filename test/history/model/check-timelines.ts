import { isDeepStrictEqual } from "node:util";
import { AUTO, contentOf, type Entry, keyOfStored, type SentEvent, type StoredEvent, versionsOf } from "./entry.ts";
import { type Attempt, groupBy, type UserHistory } from "./user-history.ts";
import type { Violation } from "./violation.ts";

type Complain = (rule: string, what: string, ...entries: Entry[]) => void;

/** Compares every timeline that was read, and the last one, with the answers until then. */
export function checkTimelines(history: UserHistory, last: StoredEvent[]): Violation[] {
  const violations: Violation[] = [];
  for (const read of history.reads) {
    if (!read.answer) continue;
    const complain: Complain = (rule, what, ...entries) =>
      violations.push({ rule, what: `a timeline of ${history.user} ${what}`, entries: [...entries, read] });
    checkPage(history, read.answer, { from: read.invoked, to: read.ended }, complain);
  }
  checkReadsInTurn(history, violations);
  const complain: Complain = (rule, what, ...entries) =>
    violations.push({ rule, what: `in the end the timeline of ${history.user} ${what}`, entries });
  checkPage(history, last, { from: Infinity, to: Infinity }, complain);
  checkWhole(history, last, complain);
  checkLate(history, last, complain);
  return violations;
}

/** Checks that apply to a timeline at any time. */
function checkPage(
  history: UserHistory,
  events: StoredEvent[],
  span: { from: number; to: number },
  complain: Complain,
): void {
  const attempts = groupBy(history.attempts, ({ key }) => key);
  const segment = history.segmentOf(span);
  const gone = history.zones.findLast((zone) => zone.isSure && zone.to < span.from);
  const stored = new Map<string, StoredEvent>();
  for (const event of events) {
    const key = keyOfStored(event);
    const own = key === undefined ? undefined : attempts.get(key);
    if (key === undefined || !own) complain("G6", `has an event that nobody sent: ${JSON.stringify(event.properties)}`);
    else if (stored.has(key)) complain("G2", `has ${key} twice`, ...entriesOf(own));
    else {
      stored.set(key, event);
      checkContent(key, event, own, span.to, gone?.from ?? -Infinity, complain);
    }
  }
  events.forEach((event, index) => {
    const before = events[index - 1];
    if (
      before &&
      (before.timestamp > event.timestamp || (before.timestamp === event.timestamp && before.seq >= event.seq))
    )
      complain("G3", `is out of order at seq ${event.seq}, which comes after seq ${before.seq}`);
  });
  if (segment === null) return;
  for (const { key, verdict, entry, to, from, sent } of history.attempts) {
    if (verdict?.seq === undefined || to >= span.from || history.segmentOf({ from, to }) !== segment) continue;
    const event = stored.get(key);
    const erasures = history.zones[segment - 1]?.entries ?? [];
    if (!event)
      complain("G5", `lacks ${key}, which was answered ${verdict.status} as seq ${verdict.seq}`, ...erasures, entry);
    else if (event.seq !== verdict.seq)
      complain("G3", `has ${key} as seq ${event.seq}, but it was answered as ${verdict.seq}`, entry);
    else if (event.revision < verdict.revision! || !versionsOf(event).includes(sent.version))
      complain(
        "G5",
        `has revision ${event.revision} of ${key}, answered ${verdict.revision} (version ${sent.version})`,
        entry,
      );
  }
}

/**
 * Checks one event: it must be as it was sent, with its versions merged in an order in which they can have arrived.
 *
 * @param to when it was read
 * @param gone attempts that had their effect before this time were erased
 */
function checkContent(
  key: string,
  event: StoredEvent,
  attempts: Attempt[],
  to: number,
  gone: number,
  complain: Complain,
): void {
  const possible = attempts.filter((attempt) => attempt.from < to && attempt.to > gone);
  if (possible.length === 0) return complain("G8", `has ${key}, which was erased`, ...entriesOf(attempts));
  const versions = versionsOf(event);
  const alien = versions.find((version) => !possible.some(({ sent }) => sent.version === version));
  if (alien !== undefined)
    return complain("G8", `has version ${alien} of ${key}, which was erased or not sent yet`, ...entriesOf(attempts));
  const { sent } = possible[0]!;
  if (!isSent(event, sent)) complain("G2", `has ${key} with another name, time or id: ${JSON.stringify(event)}`);
  const merged = { properties: {}, context: {} };
  for (const version of [...versions, Number(event.properties["last"])]) {
    const content = contentOf({ label: sent.label, version });
    Object.assign(merged.properties, content.properties);
    Object.assign(merged.context, content.context);
  }
  const { email: _, ...properties } = event.properties;
  const { email: __, ...expected } = merged.properties as Record<string, unknown>;
  if (!versions.includes(Number(event.properties["last"])) || !isDeepStrictEqual(properties, expected))
    complain("G4", `has ${key} merged wrongly: ${JSON.stringify(event.properties)}`, ...entriesOf(possible));
  if (!isDeepStrictEqual(event.context, merged.context))
    complain(
      "G4",
      `has the context of ${key} merged wrongly: ${JSON.stringify(event.context)}`,
      ...entriesOf(possible),
    );
  if (event.revision !== versions.length)
    complain("G4", `has ${key} in revision ${event.revision} with ${versions.length} versions`, ...entriesOf(possible));
}

function isSent(event: StoredEvent, sent: SentEvent): boolean {
  const isTime = sent.timestamp === null || event.timestamp === new Date(sent.timestamp).toISOString();
  const isId =
    sent.messageId === AUTO ? (event.message_id ?? "").startsWith("auto-") : event.message_id === sent.messageId;
  return isTime && isId && event.event === sent.event;
}

/** A later read must show everything that an earlier one has shown. */
function checkReadsInTurn(history: UserHistory, violations: Violation[]): void {
  for (const [segment, reads] of groupBy(history.reads, ({ invoked: from, ended: to }) =>
    history.segmentOf({ from, to }),
  )) {
    if (segment === null) continue;
    const answered = reads.filter(({ answer }) => answer !== null).toSorted((a, b) => a.invoked - b.invoked);
    answered.forEach((read, index) => {
      const before = answered.slice(0, index).findLast(({ ended }) => ended < read.invoked);
      if (!before) return;
      const now = new Map(read.answer!.map((event) => [keyOfStored(event), event]));
      const lost = before.answer!.find((event) => (now.get(keyOfStored(event))?.revision ?? 0) < event.revision);
      if (!lost) return;
      const what = `a timeline of ${history.user} has lost revision ${lost.revision} of ${keyOfStored(lost)}`;
      violations.push({ rule: "G1", what, entries: [before, read] });
    });
  }
}

/** The last timeline must have no gaps in its numbers, and each event must end with the version that was merged last. */
function checkWhole(history: UserHistory, events: StoredEvent[], complain: Complain): void {
  const seqs = events.map(({ seq }) => seq).sort((a, b) => a - b);
  const gap = seqs.findIndex((seq, index) => seq !== index + 1);
  if (gap !== -1) complain("G3", `has seq ${seqs[gap]} in the place of ${gap + 1}`);
  const attempts = groupBy(history.attempts, ({ key }) => key);
  for (const event of events) {
    const own = attempts.get(keyOfStored(event) ?? "") ?? [];
    const known = own.filter(
      ({ verdict, ...span }) =>
        (verdict?.status === "updated" || verdict?.status === "created") &&
        history.segmentOf(span) === history.lastSegment,
    );
    const last = Number(event.properties["last"]);
    const newest = known.find(({ verdict }) => verdict!.revision === event.revision);
    const older = known.find(({ sent, verdict }) => sent.version === last && verdict!.revision! < event.revision);
    if (newest && newest.sent.version !== last)
      complain("G4", `has version ${last} of ${keyOfStored(event)} last, not ${newest.sent.version}`, newest.entry);
    else if (older) complain("G4", `has an older version of ${keyOfStored(event)} last: ${last}`, older.entry);
  }
}

/** An event is late if an event that was accepted before it has a later time, and must be answered as late then. */
function checkLate(history: UserHistory, events: StoredEvent[], complain: Complain): void {
  const byKey = new Map(events.map((event) => [keyOfStored(event), event]));
  const latest = new Map<number, string>();
  let head = "";
  for (const { seq, timestamp } of events.toSorted((a, b) => a.seq - b.seq)) {
    latest.set(seq, head);
    if (timestamp > head) head = timestamp;
  }
  for (const { key, verdict, entry, from, to } of history.attempts) {
    if (verdict?.status !== "created" || history.segmentOf({ from, to }) !== history.lastSegment) continue;
    const event = byKey.get(key);
    if (!event || event.seq !== verdict.seq) continue;
    const isLate = event.timestamp < latest.get(event.seq)!;
    if (isLate !== (verdict.late ?? false))
      complain("G3", `has ${key}, which was${isLate ? "" : " not"} late, but the answer said the opposite`, entry);
  }
}

function entriesOf(attempts: Attempt[]): Entry[] {
  return attempts.map(({ entry }) => entry);
}
