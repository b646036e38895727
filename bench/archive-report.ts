import type { Archiving, Querying } from "./archive.ts";
import { usdPerMillionArchived, usdPerMonthOfMillionArchived } from "./list-price.ts";

export function archiveText(archiving: Archiving, querying: Querying): string {
  const month = usdPerMonthOfMillionArchived(archiving);
  const lines = [
    ["archived", `${archiving.eventsPerSecond.toFixed(0)} events/s`],
    [
      "an event takes",
      `${archiving.d1BytesPerEvent.toFixed(0)} B in D1, ${archiving.archiveBytesPerEvent.toFixed(1)} B in the archive`,
    ],
    [
      "D1's rows for moving an event",
      `${archiving.d1RowsRead.toFixed(2)} read, ${archiving.d1RowsWritten.toFixed(2)} written`,
    ],
    ["moving a million events", `${usdPerMillionArchived(archiving).toFixed(2)} USD, once`],
    [
      "keeping a million events for a month",
      `${month.d1.toFixed(4)} USD in D1, ${month.archive.toFixed(4)} in the archive`,
    ],
    [
      "events that DuckDB queries",
      `${querying.events.toLocaleString("en-US")} in ${querying.files} files, ${querying.bytesPerEvent.toFixed(1)} B each`,
    ],
    ...Object.entries(querying.seconds).map(([query, seconds]) => [`  ${query}`, `${seconds.toFixed(2)} s`]),
  ];
  return lines.map(([name, value]) => `${name!.padEnd(42)}${value}`).join("\n");
}

export function archiveJson(archiving: Archiving, { seconds, ...querying }: Querying): string {
  const month = usdPerMonthOfMillionArchived(archiving);
  return JSON.stringify({
    events_per_s: Math.round(archiving.eventsPerSecond),
    bytes_per_event: {
      d1: Math.round(archiving.d1BytesPerEvent),
      archive: Number(archiving.archiveBytesPerEvent.toFixed(1)),
    },
    usd_per_million: Number(usdPerMillionArchived(archiving).toFixed(3)),
    usd_per_million_and_month: { d1: Number(month.d1.toFixed(4)), archive: Number(month.archive.toFixed(4)) },
    queried_events: querying.events,
    query_s: Object.fromEntries(Object.entries(seconds).map(([query, s]) => [query, Number(s.toFixed(2))])),
  });
}
