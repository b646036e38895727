import type { WorkerServerOptions } from "./worker-server.ts";

/** What Tracklog is measured against. Each is the same app; what differs is how an event is recorded. */
export const VARIANT_NAMES = ["floor", "minimal", "direct", "tracklog"] as const;

export type VariantName = (typeof VARIANT_NAMES)[number];

const TRACKLOG_MIGRATIONS = "src/d1/migrations";

export const VARIANTS: Record<VariantName, WorkerServerOptions> = {
  floor: { entry: "bench/variants/floor/index.ts", migrations: TRACKLOG_MIGRATIONS },
  minimal: {
    entry: "bench/variants/minimal/index.ts",
    migrations: TRACKLOG_MIGRATIONS,
    durableObjects: { USER_TABLE: "UserTable" },
  },
  direct: { entry: "bench/variants/direct/index.ts", migrations: "bench/variants/direct/migrations" },
  tracklog: { entry: "src/index.ts", migrations: TRACKLOG_MIGRATIONS },
};

/** Tracklog, with the runtime's own counters read after every statement. */
export const METERED: WorkerServerOptions = {
  entry: "bench/variants/metered/index.ts",
  migrations: TRACKLOG_MIGRATIONS,
  durableObjects: { METER: "Meter" },
};

/** Tracklog, with a way to fill a user's log without sending each event. */
export const SEEDABLE: WorkerServerOptions = {
  entry: "bench/variants/seedable/index.ts",
  migrations: TRACKLOG_MIGRATIONS,
};
