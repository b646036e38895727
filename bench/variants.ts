import { type Contender, startContender, startContenders } from "./contender.ts";
import type { WorkerServerOptions } from "./worker-server.ts";

/** Tracklog and the variants that it is compared with. Each is the same app, but records events in another way. */
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

/** Tracklog without the live view: it sends no event to viewers. */
export const UNANNOUNCED: WorkerServerOptions = {
  ...TRACKLOG,
  replaced: { "src/live/watch.ts": "bench/variants/unannounced/watch.ts" },
};

/** Tracklog that does not count its answers. */
export const UNTALLIED: WorkerServerOptions = {
  ...TRACKLOG,
  replaced: { "src/stats/tally.ts": "bench/variants/untallied/tally.ts" },
};

/** Tracklog that reads the runtime's own counters after every statement. */
export const METERED: WorkerServerOptions = {
  ...TRACKLOG,
  entry: "bench/variants/metered/index.ts",
  durableObjects: { METER: "Meter" },
};

/** Tracklog with a route that fills a user's log without sending each event. */
export const SEEDABLE: WorkerServerOptions = { ...TRACKLOG, entry: "bench/variants/seedable/index.ts" };
