import type { DatabaseHealth, DatabasesHealth } from "../../d1/check-databases.ts";
import { D1_FAILURES } from "../../d1/d1-failure.ts";
import type { WriterStatus } from "../../d1/d1-writer.ts";
import { LAG_BUCKETS_S, MAX_DATABASE_BYTES } from "../../limits.ts";
import type { Metric } from "./metrics-text.ts";

/**
 * Metrics of each database's state and of the users who wait for it. Values that a database did not answer are left
 * out.
 */
export function databaseMetrics(databases: DatabasesHealth, now: number): Metric[] {
  const each = (value: (found: DatabaseHealth) => number | null) =>
    Object.entries(databases).flatMap(([database, found]) => {
      const number = value(found);
      return number === null ? [] : [{ labels: { database }, value: number }];
    });
  return [
    {
      name: "tracklog_database_ok",
      help: "1 if the database answers and accepts events, else 0; /health says what is wrong.",
      type: "gauge",
      samples: each(({ status }) => (status === "ok" ? 1 : 0)),
    },
    {
      name: "tracklog_database_closed",
      help: "Whether CLOSED_DATABASES names the database, so that no new event goes there, 1 or 0.",
      type: "gauge",
      samples: each(({ isClosed }) => (isClosed ? 1 : 0)),
    },
    {
      name: "tracklog_database_last_write_timestamp_seconds",
      help: "When the database was last written to.",
      type: "gauge",
      samples: each(({ lastWrite }) => lastWrite && lastWrite / 1000),
    },
    {
      name: "tracklog_database_bytes",
      help: "The size of the database in bytes.",
      type: "gauge",
      samples: each(({ sizeBytes }) => sizeBytes),
    },
    {
      name: "tracklog_database_max_bytes",
      help: "The largest size that a database may have.",
      type: "gauge",
      samples: each(() => MAX_DATABASE_BYTES),
    },
    {
      name: "tracklog_backlog_users",
      help: "Users whose events wait for D1.",
      type: "gauge",
      samples: each(({ usersWaiting }) => usersWaiting),
    },
    {
      name: "tracklog_backlog_events",
      help: "Events that wait for D1, as last reported by their logs.",
      type: "gauge",
      samples: each(({ eventsWaiting }) => eventsWaiting),
    },
    {
      name: "tracklog_backlog_oldest_seconds",
      help: "How long the oldest waiting user has waited for D1.",
      type: "gauge",
      samples: each(({ waitingSince }) => (waitingSince === null ? 0 : Math.max(0, now - waitingSince) / 1000)),
    },
  ];
}

/** Metrics of what the writers have done since they woke up. */
export function writerMetrics(databases: DatabasesHealth): Metric[] {
  const lanes = Object.entries(databases).flatMap(([database, found]) =>
    found.lanes.map((status, lane) => ({ labels: { database, lane: String(lane) }, status })),
  );
  const answering = lanes.flatMap(({ labels, status }) => (status ? [{ labels, ...status }] : []));
  const each = (value: (lane: WriterStatus) => number) =>
    answering.map((lane) => ({ labels: lane.labels, value: value(lane) }));
  return [
    {
      name: "tracklog_writer_up",
      help: "1 if the object that writes to the database answers, else 0.",
      type: "gauge",
      samples: lanes.map(({ labels, status }) => ({ labels, value: status ? 1 : 0 })),
    },
    {
      name: "tracklog_d1_statements_total",
      help: "Statements for events that D1 has executed.",
      type: "counter",
      samples: each(({ counts }) => counts.statements),
    },
    {
      name: "tracklog_d1_rows_total",
      help: "Rows in the statements for events that D1 has executed.",
      type: "counter",
      samples: each(({ counts }) => counts.rows),
    },
    {
      name: "tracklog_d1_failures_total",
      help: "Calls that D1 failed, by the kind of failure.",
      type: "counter",
      samples: answering.flatMap(({ counts, labels }) =>
        D1_FAILURES.map((failure) => ({ labels: { ...labels, failure }, value: counts.failures[failure] ?? 0 })),
      ),
    },
    {
      name: "tracklog_delivery_lag_seconds",
      help: "How long events take from the log to D1.",
      type: "histogram",
      samples: answering.flatMap(({ counts: { lag }, labels }) => [
        ...LAG_BUCKETS_S.map((bound, index) => ({
          suffix: "_bucket",
          labels: { ...labels, le: String(bound) },
          value: lag.buckets[index]!,
        })),
        { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: lag.count },
        { suffix: "_sum", labels, value: lag.sum },
        { suffix: "_count", labels, value: lag.count },
      ]),
    },
  ];
}
