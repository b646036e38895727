import { Hono } from "hono";
import { databaseNames } from "../../d1/databases.ts";
import type { WriterStatus } from "../../d1/d1-writer.ts";
import { writerLanes, writerOfLane } from "../../d1/writer-of.ts";
import { HEALTH_TIMEOUT_MS, LAG_BUCKETS_S } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import { orTimeout } from "../../or-timeout.ts";
import type { AppEnv } from "../app-env.ts";
import { requireKey } from "../require-key.ts";
import { type Metric, metricsText } from "./metrics-text.ts";

/** What a writer says, and of which database and lane it is; a lane that does not answer is left out. */
interface LaneStatus extends WriterStatus {
  labels: { database: string; lane: string };
}

/** The deployment's numbers, in Prometheus' text format. Counters begin anew when an object wakes up. */
export const metrics = new Hono<AppEnv>().get("/metrics", requireKey("read"), async (c) => {
  const lanes = await laneStatuses(c.env);
  return c.body(metricsText(writerMetrics(lanes, Date.now())), 200, {
    "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
  });
});

async function laneStatuses(env: Env): Promise<LaneStatus[]> {
  const asked = databaseNames(env).flatMap((database) =>
    Array.from({ length: writerLanes(env) }, async (_, lane): Promise<LaneStatus[]> => {
      try {
        const answer = writerOfLane(env, database, lane).status();
        const status = await orTimeout(answer, HEALTH_TIMEOUT_MS, () => new Error("The writer did not answer"));
        return [{ ...status, labels: { database, lane: String(lane) } }];
      } catch (error) {
        logFailure("writer_unreachable", error, { database, lane });
        return [];
      }
    }),
  );
  return (await Promise.all(asked)).flat();
}

function writerMetrics(lanes: readonly LaneStatus[], now: number): Metric[] {
  const each = (value: (lane: LaneStatus) => number | null) =>
    lanes.flatMap((lane) => {
      const found = value(lane);
      return found === null ? [] : [{ labels: lane.labels, value: found }];
    });
  return [
    {
      name: "tracklog_d1_statements_total",
      help: "Statements that D1 has carried out for events.",
      type: "counter",
      samples: each(({ counts }) => counts.statements),
    },
    {
      name: "tracklog_d1_rows_total",
      help: "Rows that were sent with them.",
      type: "counter",
      samples: each(({ counts }) => counts.rows),
    },
    {
      name: "tracklog_d1_failures_total",
      help: "Calls that D1 did not take, by kind.",
      type: "counter",
      samples: lanes.flatMap(({ counts, labels }) =>
        Object.entries(counts.failures).map(([failure, value]) => ({ labels: { ...labels, failure }, value })),
      ),
    },
    {
      name: "tracklog_delivery_lag_seconds",
      help: "From the log to D1.",
      type: "histogram",
      samples: lanes.flatMap(({ counts: { lag }, labels }) => [
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
    {
      name: "tracklog_backlog_users",
      help: "Users whose events wait for D1.",
      type: "gauge",
      samples: each(({ waiting }) => waiting.users),
    },
    {
      name: "tracklog_backlog_events",
      help: "Events that wait for D1, as their logs last said.",
      type: "gauge",
      samples: each(({ waiting }) => waiting.events),
    },
    {
      name: "tracklog_backlog_oldest_seconds",
      help: "For how long somebody has waited for D1.",
      type: "gauge",
      samples: each(({ waiting }) => (waiting.oldest === null ? 0 : Math.max(0, now - waiting.oldest) / 1000)),
    },
    {
      name: "tracklog_database_bytes",
      help: "The size of the database, as of the last statement.",
      type: "gauge",
      samples: each(({ counts }) => counts.sizeBytes),
    },
  ];
}
