import type { CatchUp } from "./catch-up.ts";
import type { D1Inserts } from "./d1-inserts.ts";
import type { EventWork, EventWorks, StorageUse } from "./event-work.ts";
import type { Fsyncs } from "./fsyncs.ts";
import type { History } from "./history.ts";
import { usdPerMillionEvents, usdPerMonthOfMillionEvents } from "./list-price.ts";
import { LOAD_NAMES } from "./loads.ts";
import type { Spread } from "./spread.ts";
import type { Throughputs } from "./throughput.ts";
import { VARIANT_NAMES, type VariantName } from "./variants.ts";

export interface Measured {
  throughputs: Throughputs<VariantName>;
  work: EventWorks;
  storage: StorageUse;
  history: History;
  /** Null if strace cannot count. */
  fsyncs: Fsyncs | null;
  d1Inserts: D1Inserts;
  bundleGzipKb: number;
  /** Not measured in a quick run. */
  startUpMs: Spread | null;
  /** Not measured in a quick run. */
  catchUp: CatchUp | null;
}

/** The whole run in one line of JSON. */
export function jsonReport(measured: Measured): string {
  const { throughputs, work, storage, history, fsyncs, d1Inserts, bundleGzipKb } = measured;
  const loads = LOAD_NAMES.map((load) => {
    const { tracklog, direct, minimal, floor } = throughputs[load];
    return [
      load,
      {
        events_per_s: Math.round(tracklog.eventsPerSecond.median),
        p50_ms: round(tracklog.p50Ms.median),
        p99_ms: round(tracklog.p99Ms.median),
        ratio_to_direct: round(direct.ratio.median),
        ratio_to_minimal: round(minimal.ratio.median),
        ratio_to_floor: round(floor.ratio.median),
      },
    ];
  });
  const each = <T>(of: (work: EventWork) => T) => ({
    session: of(work.session),
    lone: of(work.lone),
    batched: of(work.batched),
    new_user: of(work.newUser),
  });
  return JSON.stringify({
    ...(Object.fromEntries(loads) as Record<string, unknown>),
    rows_written_per_event: each((of) => ({
      durable_object: round(of.objectRowsWritten),
      d1: round(of.d1RowsWritten),
    })),
    usd_per_million: each((of) => round(usdPerMillionEvents(of))),
    storage_bytes: {
      new_user: storage.newUserBytes,
      durable_object_per_event: Math.round(storage.objectBytesPerEvent),
      d1_per_event: Math.round(storage.d1BytesPerEvent),
    },
    history: {
      ratio_1m_to_empty: round(history.inOrder.ratio),
      ratio_late_profile: round(history.lateProfile.ratio),
    },
    fsyncs_per_event: fsyncs && {
      session: round(fsyncs.tracklog.session),
      new_user: round(fsyncs.tracklog.newUser),
      direct: round(fsyncs.direct.session),
    },
    d1_inserts: { ratio_to_first_release: round(d1Inserts.ratio.median) },
    bundle_gzip_kb: round(bundleGzipKb),
  });
}

/** The whole run as tables of medians, with the lowest and the highest round in brackets. */
export function textReport(measured: Measured): string {
  return [...loadLines(measured), "", ...workLines(measured), "", ...otherLines(measured)].join("\n");
}

function loadLines({ throughputs }: Measured): string[] {
  return LOAD_NAMES.flatMap((load) => {
    const heading = load.padEnd(19) + ["events/s", "p50 ms", "p99 ms", "tracklog is"].map(cell).join("");
    const rows = VARIANT_NAMES.map((variant) => {
      const { eventsPerSecond, p50Ms, p99Ms, ratio } = throughputs[load][variant];
      const cells = [format(eventsPerSecond, 0), format(p50Ms), format(p99Ms)];
      if (variant !== "tracklog") cells.push(`×${format(ratio, 2)}`);
      return `  ${variant}`.padEnd(19) + cells.map(cell).join("");
    });
    return [heading, ...rows];
  });
}

const WORK_NAMES = [
  "session",
  "lone",
  "newUser",
  "batched",
  "batchedOverUsers",
] as const satisfies (keyof EventWorks)[];

function workLines({ work }: Measured): string[] {
  const row = (name: string, valueOf: (of: EventWork) => number) =>
    `  ${name}`.padEnd(21) + WORK_NAMES.map((load) => valueOf(work[load]).toFixed(2).padStart(18)).join("");
  const counts = Object.keys(work.session) as (keyof EventWork)[];
  return [
    "work per event".padEnd(21) + WORK_NAMES.map((load) => load.padStart(18)).join(""),
    ...counts.map((name) => row(name, (of) => of[name])),
    row("USD per million", usdPerMillionEvents),
    "  Alarms go off after the run, when nothing is left to do. A call is added for each of them.",
  ];
}

function otherLines({ storage, history, fsyncs, d1Inserts, catchUp, bundleGzipKb, startUpMs }: Measured): string[] {
  const { inOrder, lateProfile } = history;
  const lines = [
    line("storage of a user with one event", `${(storage.newUserBytes / 1024).toFixed(0)} KiB`),
    line(
      "storage of a million events",
      `${megabytes(storage.objectBytesPerEvent)} in objects, ${megabytes(storage.d1BytesPerEvent)} in D1, ` +
        `${usdPerMonthOfMillionEvents(storage).toFixed(2)} USD a month`,
    ),
    line("one event, user with 2 stored", `${format(inOrder.emptyMs, 2)} ms`),
    line("one event, user with 1,000,000 stored", `${format(inOrder.millionMs, 2)} ms, ×${inOrder.ratio.toFixed(2)}`),
    line("late event with another e-mail, few stored", `${format(lateProfile.emptyMs, 2)} ms`),
    line(
      "late event with another e-mail, 1,000,000 stored",
      `${format(lateProfile.millionMs, 2)} ms, ×${lateProfile.ratio.toFixed(2)}`,
    ),
    ...fsyncLines(fsyncs),
    line(
      "D1, inserting an event of a random user",
      `${format(d1Inserts.currentUs)} µs, first release ${format(d1Inserts.firstReleaseUs)} µs, ` +
        `×${format(d1Inserts.ratio, 2)} as fast`,
    ),
  ];
  if (catchUp)
    lines.push(
      line(
        `catch-up of ${catchUp.users.toLocaleString("en-US")} users`,
        `${catchUp.seconds.toFixed(0)} s after ${catchUp.outageSeconds.toFixed(0)} s without D1; workerd's memory ` +
          `${catchUp.memoryBeforeMb.toFixed(0)} MB before, at most ${catchUp.peakMemoryMb.toFixed(0)} MB then`,
      ),
    );
  lines.push(line("bundle, gzipped", `${bundleGzipKb.toFixed(1)} KB`));
  if (startUpMs) lines.push(line("start-up", `${format(startUpMs)} ms`));
  return lines;
}

function fsyncLines(fsyncs: Fsyncs | null): string[] {
  if (!fsyncs) return [line("fsyncs per event", "not counted: strace is not installed, or may not attach")];
  const { tracklog, direct, minimal } = fsyncs;
  return (["session", "newUser"] as const).map((load) =>
    line(
      load === "session" ? "fsyncs per event of a session" : "fsyncs of a user's first event",
      `${tracklog[load].toFixed(2)}, direct ${direct[load].toFixed(2)}, minimal ${minimal[load].toFixed(2)}`,
    ),
  );
}

function line(name: string, value: string): string {
  return name.padEnd(50) + value;
}

function megabytes(bytesPerEvent: number): string {
  return `${bytesPerEvent.toFixed(0)} MB`;
}

function format({ median, min, max }: Spread, digits = 1): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

function cell(text: string): string {
  return text.padStart(24);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
