import { type Contender, startContender, startContenders } from "./contender.ts";
import type { WorkerServerOptions } from "./worker-server.ts";

/** What Tracklog is measured against. Each is the same app; what differs is how an event is recorded. */
export const VARIANT_NAMES = ["floor", "minimal", "direct", "tracklog"] as const;

export type VariantName = (typeof VARIANT_NAMES)[number];

const TRACKLOG: WorkerServerOptions = { entry: "src/index.ts", migrations: "src/d1/migrations" };

/** The module in which a request's events are recorded. */
const RECORDER = "src/http/write/record-request.ts";

export const VARIANTS: Record<VariantName, WorkerServerOptions> = {
  floor: {
    ...TRACKLOG,
    entry: "bench/variants/floor/index.ts",
    replaced: { [RECORDER]: "bench/variants/floor/record-request.ts" },
  },
  minimal: {
    ...TRACKLOG,
    entry: "bench/variants/minimal/index.ts",
    replaced: { [RECORDER]: "bench/variants/minimal/record-request.ts" },
    durableObjects: { USER_TABLE: "UserTable" },
  },
  direct: {
    ...TRACKLOG,
    entry: "bench/variants/direct/index.ts",
    replaced: { [RECORDER]: "bench/variants/direct/record-request.ts" },
    ownMigrations: "bench/variants/direct/migrations",
  },
  tracklog: TRACKLOG,
};

/** Starts all variants, each in a workerd of its own. */
export function startVariants(): Promise<Record<VariantName, Contender>> {
  const start = (name: VariantName, endsInD1: boolean, isLate: boolean) => () =>
    startContender(VARIANTS[name], { endsInD1, isLate });
  return startContenders({
    floor: start("floor", false, false),
    minimal: start("minimal", false, false),
    direct: start("direct", true, false),
    tracklog: start("tracklog", true, true),
  });
}

/** Tracklog without the live view: nothing is handed on to those who might watch. */
export const UNANNOUNCED: WorkerServerOptions = {
  ...TRACKLOG,
  replaced: { "src/live/watch.ts": "bench/variants/unannounced/watch.ts" },
};

/** Tracklog that does not count what it has answered. */
export const UNTALLIED: WorkerServerOptions = {
  ...TRACKLOG,
  replaced: { "src/stats/tally.ts": "bench/variants/untallied/tally.ts" },
};

/** Tracklog, with the runtime's own counters read after every statement. */
export const METERED: WorkerServerOptions = {
  ...TRACKLOG,
  entry: "bench/variants/metered/index.ts",
  durableObjects: { METER: "Meter" },
};

/** Tracklog, with a way to fill a user's log without sending each event. */
export const SEEDABLE: WorkerServerOptions = { ...TRACKLOG, entry: "bench/variants/seedable/index.ts" };
