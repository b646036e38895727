import { LAG_BUCKETS_S } from "../../limits.ts";
import type { Operation } from "../operation.ts";
import { OF_READS } from "../shared-problems.ts";

const LANE = `database="DB",lane="0"`;

const EXAMPLE = `# HELP tracklog_d1_statements_total Statements that D1 has carried out for events.
# TYPE tracklog_d1_statements_total counter
tracklog_d1_statements_total{${LANE}} 1
# HELP tracklog_d1_rows_total Rows that were sent with them.
# TYPE tracklog_d1_rows_total counter
tracklog_d1_rows_total{${LANE}} 1
# HELP tracklog_d1_failures_total Calls that D1 did not take, by kind.
# TYPE tracklog_d1_failures_total counter
tracklog_d1_failures_total{${LANE},failure="away"} 1
# HELP tracklog_delivery_lag_seconds From the log to D1.
# TYPE tracklog_delivery_lag_seconds histogram
${[...LAG_BUCKETS_S, "+Inf"].map((bound) => `tracklog_delivery_lag_seconds_bucket{${LANE},le="${bound}"} 1`).join("\n")}
tracklog_delivery_lag_seconds_sum{${LANE}} 0.031
tracklog_delivery_lag_seconds_count{${LANE}} 1
# HELP tracklog_backlog_users Users whose events wait for D1.
# TYPE tracklog_backlog_users gauge
tracklog_backlog_users{${LANE}} 0
# HELP tracklog_backlog_events Events that wait for D1, as their logs last said.
# TYPE tracklog_backlog_events gauge
tracklog_backlog_events{${LANE}} 0
# HELP tracklog_backlog_oldest_seconds For how long somebody has waited for D1.
# TYPE tracklog_backlog_oldest_seconds gauge
tracklog_backlog_oldest_seconds{${LANE}} 0
# HELP tracklog_database_bytes The size of the database, as of the last statement.
# TYPE tracklog_database_bytes gauge
tracklog_database_bytes{${LANE}} 81920
`;

export const metricsOperation: Operation = {
  method: "get",
  path: "/metrics",
  operationId: "metrics",
  tag: "About",
  summary: "The deployment's numbers, for Prometheus",
  description: "Counters begin anew when the object that counts wakes up. A writer that does not answer is left out.",
  key: "read",
  answers: {
    200: {
      description: "Prometheus' text format.",
      content: { "text/plain; version=0.0.4; charset=utf-8": { type: "string" } },
    },
  },
  examples: {
    metrics: { summary: "After the first event", after: ["track/sample"], status: 200, answer: EXAMPLE },
  },
  problems: OF_READS.filter((name) => name !== "unreachable"),
};
