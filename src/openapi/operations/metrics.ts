import { version } from "../../../package.json";
import type { ArchiveStatuses } from "../../archive/archive-statuses.ts";
import { archiveMetrics } from "../../http/read/metrics-of-archive.ts";
import { configurationMetrics } from "../../http/read/metrics-of-configuration.ts";
import { databaseMetrics, writerMetrics } from "../../http/read/metrics-of-databases.ts";
import { metricsText, METRICS_TYPE } from "../../http/read/metrics-text.ts";
import { LAG_BUCKETS_S } from "../../limits.ts";
import type { DatabasesHealth } from "../../d1/check-databases.ts";
import type { Operation } from "../operation.ts";
import { OF_READS } from "../shared-problems.ts";

const DATABASES: DatabasesHealth = {
  DB: {
    status: "ok",
    isClosed: false,
    incarnation: "0f6c2a9be4d1837a",
    lastWrite: 1_767_323_045_678,
    sizeBytes: 61_440,
    usersWaiting: 0,
    eventsWaiting: 0,
    waitingSince: null,
    lanes: [
      {
        waiting: { users: 0, events: 0, oldest: null },
        counts: {
          statements: 1,
          rows: 1,
          failures: {},
          failing: null,
          lag: { buckets: LAG_BUCKETS_S.map(() => 1), sum: 0.04, count: 1 },
          sizeBytes: 61_440,
        },
      },
    ],
  },
};

const ARCHIVES: ArchiveStatuses = {
  DB: {
    moved: { files: 1, rows: 1, bytes: 3127 },
    lastRunAt: 1_767_323_400_000,
    lastSuccessAt: 1_767_323_400_000,
    lastError: null,
    waiting: { rows: 0, days: 0 },
    job: null,
    manifestVersion: 1,
  },
};

export const metricsOperation: Operation = {
  method: "get",
  path: "/metrics",
  operationId: "metrics",
  tag: "About",
  summary: "Read the deployment's metrics",
  description:
    "The metrics are in Prometheus' text format. A scrape costs one read of each database and one call to each of its writers, and " +
    "numbers may be five seconds old. Metrics whose names begin with `tracklog_archive_` exist only if events go to an archive. " +
    "Counters restart when the object that counts wakes up, which `rate()` handles.",
  key: "read",
  answers: {
    200: {
      description: "The metrics.",
      content: { [METRICS_TYPE]: { type: "string", description: "One sample on each line." } },
    },
  },
  examples: {
    metrics: {
      summary: `One database and its archive, version ${version}`,
      request: {},
      after: ["track/sample"],
      status: 200,
      answer: metricsText([
        ...configurationMetrics({ WRITE_KEYS: "ok", READ_KEYS: "ok" }, {}),
        ...databaseMetrics(DATABASES, 0),
        ...writerMetrics(DATABASES),
        ...archiveMetrics(ARCHIVES),
      ]),
    },
  },
  problems: OF_READS.filter((name) => name !== "unreachable"),
};
