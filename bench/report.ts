import type { EventWork, EventWorks } from "./event-work.ts";
import type { History } from "./history.ts";
import { usdPerMillionEvents } from "./list-price.ts";
import { LOAD_NAMES } from "./loads.ts";
import type { Spread } from "./spread.ts";
import type { Throughputs } from "./throughput.ts";
import { VARIANT_NAMES } from "./variants.ts";

export interface Measured {
  throughputs: Throughputs;
  work: EventWorks;
  history: History;
  bundleGzipKb: number;
  /** Not measured in a quick run. */
  startUpMs: Spread | null;
}

/** The whole run in one line of JSON. */
export function jsonReport({ throughputs, work, history, bundleGzipKb }: Measured): string {
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
  return JSON.stringify({
    ...(Object.fromEntries(loads) as Record<string, unknown>),
    rows_written_per_event: {
      ...rowsWritten(work.single),
      batched: rowsWritten(work.batched),
    },
    usd_per_million: {
      single: round(usdPerMillionEvents(work.single)),
      batched: round(usdPerMillionEvents(work.batched)),
    },
    history: { ratio_1m_to_empty: round(history.ratio) },
    bundle_gzip_kb: round(bundleGzipKb),
  });
}

/** The whole run as tables; medians, with the lowest and the highest round in brackets. */
export function textReport({ throughputs, work, history, bundleGzipKb, startUpMs }: Measured): string {
  const lines: string[] = [];
  for (const load of LOAD_NAMES) {
    lines.push(load.padEnd(19) + ["events/s", "p50 ms", "p99 ms", "tracklog is"].map(cell).join(""));
    for (const variant of VARIANT_NAMES) {
      const { eventsPerSecond, p50Ms, p99Ms, ratio } = throughputs[load][variant];
      const cells = [format(eventsPerSecond, 0), format(p50Ms), format(p99Ms)];
      if (variant !== "tracklog") cells.push(`×${format(ratio, 2)}`);
      lines.push(`  ${variant}`.padEnd(19) + cells.map(cell).join(""));
    }
    lines.push("");
  }

  lines.push("work per event".padEnd(19) + ["single", "batched", "over users"].map(cell).join(""));
  for (const name of Object.keys(work.single) as (keyof EventWork)[])
    lines.push(
      `  ${name}`.padEnd(21) +
        [work.single, work.batched, work.batchedOverUsers].map((counts) => cell(counts[name].toFixed(2))).join(""),
    );
  lines.push(
    "  USD per million".padEnd(21) +
      [work.single, work.batched, work.batchedOverUsers]
        .map((counts) => cell(usdPerMillionEvents(counts).toFixed(2)))
        .join(""),
    "",
    `one event, user with 1 stored          ${format(history.emptyMs, 2)} ms`,
    `one event, user with 1,000,000 stored  ${format(history.millionMs, 2)} ms, ×${history.ratio.toFixed(2)}`,
    `bundle, gzipped                        ${bundleGzipKb.toFixed(1)} KB`,
  );
  if (startUpMs) lines.push(`start-up                               ${format(startUpMs)} ms`);
  return lines.join("\n");
}

function rowsWritten(work: EventWork) {
  return { durable_object: round(work.objectRowsWritten), d1: round(work.d1RowsWritten) };
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
