import type { ArchiveStatuses } from "../../archive/archive-statuses.ts";
import type { ArchiverStatus } from "../../archive/archiver.ts";
import type { Metric } from "./metrics-text.ts";

/** How far the archive of each database is. If an archiver does not answer, its only metric says so. */
export function archiveMetrics(archives: ArchiveStatuses): Metric[] {
  const each = (value: (status: ArchiverStatus) => number | null | undefined) =>
    Object.entries(archives).flatMap(([database, status]) => {
      const number = status && value(status);
      return typeof number === "number" ? [{ labels: { database }, value: number }] : [];
    });
  return [
    {
      name: "tracklog_archive_up",
      help: "1 if the object that archives the database answers, else 0.",
      type: "gauge",
      samples: Object.entries(archives).map(([database, status]) => ({ labels: { database }, value: status ? 1 : 0 })),
    },
    {
      name: "tracklog_archive_failing",
      help: "1 if the last run failed, else 0; /health says why.",
      type: "gauge",
      samples: each(({ lastError }) => (lastError === null ? 0 : 1)),
    },
    {
      name: "tracklog_archive_last_run_timestamp_seconds",
      help: "When the last run ended.",
      type: "gauge",
      samples: each(({ lastRunAt }) => seconds(lastRunAt)),
    },
    {
      name: "tracklog_archive_last_success_timestamp_seconds",
      help: "When a run last left nothing to move.",
      type: "gauge",
      samples: each(({ lastSuccessAt }) => seconds(lastSuccessAt)),
    },
    {
      name: "tracklog_archive_waiting_rows",
      help: "Rows that were old enough to leave the database after the last run, counted up to 100,000.",
      type: "gauge",
      samples: each(({ waiting }) => waiting?.rows),
    },
    {
      name: "tracklog_archive_waiting_days",
      help: "On how many days the waiting rows happened.",
      type: "gauge",
      samples: each(({ waiting }) => waiting?.days),
    },
    {
      name: "tracklog_archive_rows_total",
      help: "Rows that were moved to the archive.",
      type: "counter",
      samples: each(({ moved }) => moved.rows),
    },
    {
      name: "tracklog_archive_bytes_total",
      help: "Bytes of the files that were written to the archive.",
      type: "counter",
      samples: each(({ moved }) => moved.bytes),
    },
    {
      name: "tracklog_archive_files_total",
      help: "Files that were written to the archive.",
      type: "counter",
      samples: each(({ moved }) => moved.files),
    },
  ];
}

function seconds(at: number | null): number | null {
  return at && at / 1000;
}
