import { type Entry, keyOfSent, type Verdict } from "./entry.ts";
import type { Violation } from "./violation.ts";

const MAX_ENTRIES = 12;
const MAX_CHARACTERS = 240;

/** Describes a violation in some lines: what is wrong, which entries prove it, and which faults there were meanwhile. */
export function explain({ rule, what, entries }: Violation, all: readonly Entry[]): string {
  const involved = [...new Set(entries)].toSorted((a, b) => a.invoked - b.invoked);
  const shown = involved.length > MAX_ENTRIES ? [...involved.slice(0, 6), ...involved.slice(-6)] : involved;
  const from = shown[0]?.invoked ?? Infinity;
  const to = shown.at(-1)?.ended ?? -Infinity;
  const keys = new Set(/\be\d+(#\d+)?\b/g[Symbol.match](what) ?? []);
  const faults = all.filter(({ kind, invoked, ended }) => kind === "fault" && ended > from - 1_000 && invoked < to);
  const heavy = faults.filter(
    (entry) => entry.kind === "fault" && /^(kill|hold|let|clock|lock|abort|evict)/.test(entry.what),
  );
  const lines = [...shown, ...heavy.slice(0, MAX_ENTRIES)].toSorted((a, b) => a.invoked - b.invoked);
  return [`VIOLATION of ${rule}: ${what}`, ...lines.map((entry) => `  ${lineOf(entry, keys)}`)].join("\n");
}

/** An entry as a line: its number in the history's file, when it was under way, and its result. */
function lineOf(entry: Entry, keys: ReadonlySet<string>): string {
  const times = `${seconds(entry.invoked)}–${seconds(entry.ended)} s`;
  return `#${entry.id} ${times} ${entry.client}: ${textOf(entry, keys)}`.slice(0, MAX_CHARACTERS);
}

function textOf(entry: Entry, keys: ReadonlySet<string>): string {
  switch (entry.kind) {
    case "record":
      return `POST ${entry.route} ${recordText(
        entry.events.map((sent, index) => ({ sent, verdict: entry.answer?.[index] })),
        keys,
      )}`;
    case "erase":
      return `DELETE ${entry.user} → ${entry.answer ? `${entry.answer.erased} erased` : "no answer"}`;
    case "suppress":
      return `${entry.on ? "PUT" : "DELETE"} suppression of ${entry.user} → ${entry.answer ? "done" : "no answer"}`;
    case "read":
      return `GET timeline of ${entry.user} → ${entry.answer ? `${entry.answer.length} events` : "no answer"}`;
    case "feed": {
      const { answer } = entry;
      const text = answer === "gone" ? "410" : answer ? `${answer.lines.length} lines` : "no answer";
      return `GET /events, epoch ${entry.epoch} → ${text}`;
    }
    case "live":
      return `${entry.answer.length} lines`;
    case "fault":
      return entry.what;
    case "care":
      return `${entry.what} → ${entry.answer ? JSON.stringify(entry.answer) : "no answer"}`;
  }
}

interface SentText {
  sent: (Entry & { kind: "record" })["events"][number];
  verdict: Verdict | undefined;
}

/** Shows only the events that the violation names. Shows all events if it names none of them. */
function recordText(events: SentText[], keys: ReadonlySet<string>): string {
  const named = events.filter(({ sent }) => sent && keys.has(keyOfSent(sent)));
  const shown = named.length > 0 ? named : events;
  const texts = shown.map(({ sent, verdict }) => {
    const name = sent ? `${keyOfSent(sent)} v${sent.version} of ${sent.user}` : "an invalid event";
    return `${name} → ${verdict ? verdictText(verdict) : "no answer"}`;
  });
  const others = events.length - shown.length;
  return texts.join("; ") + (others > 0 ? ` (and ${others} others)` : "");
}

function verdictText({ status, seq, revision, late }: Verdict): string {
  return seq === undefined ? status : `${status} seq ${seq} revision ${revision}${late ? " late" : ""}`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1_000).toFixed(3);
}
