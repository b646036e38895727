import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

/**
 * The limits that are smaller in a history than in production, so that minutes are enough for things that would take hours:
 * timeouts, packs that spill, and full files.
 */
const SMALLER: Record<string, number> = {
  STATEMENT_TIMEOUT_MS: 3_000,
  WRITER_CALL_TIMEOUT_MS: 5_000,
  MAX_DELIVERY_RUN_MS: 10_000,
  SAFEGUARD_DELAY_MS: 5_000,
  MAX_AWAY_DELAY_MS: 4_000,
  MIN_LASTING_DELAY_MS: 2_000,
  MAX_LASTING_DELAY_MS: 4_000,
  MAX_BACKLOG_STATE_BYTES: 1_500,
  MAX_BACKLOG_ROW_BYTES: 20_000,
  MAX_STATEMENT_EVENTS: 60,
  MAX_RETRY_ROWS: 20,
  MAX_ERASED_KEYS: 40,
  FEED_WINDOW_KEYS: 100,
  ROLLUP_WINDOW_KEYS: 200,
  ARCHIVE_CHUNK_ROWS: 300,
  ARCHIVE_PAGE_ROWS: 70,
  ARCHIVE_ROW_GROUP_ROWS: 50,
  REBUILD_PAGE_USERS: 10,
  FULL_MEMORY_MS: 5_000,
  MAX_STALE_HOURS_READ: 1_000,
};

/** An esbuild plugin that bundles the Worker with these limits. */
export function smallerLimits(): Plugin {
  return {
    name: "smaller-limits",
    setup(build) {
      build.onLoad({ filter: /\/src\/limits\.ts$/ }, async ({ path }) => {
        let contents = await readFile(path, "utf8");
        for (const [name, value] of Object.entries(SMALLER)) {
          const declaration = new RegExp(`^export const ${name} = [^;]+;`, "m");
          if (!declaration.test(contents)) throw new Error(`src/limits.ts has no ${name}`);
          contents = contents.replace(declaration, `export const ${name} = ${value};`);
        }
        return { contents, loader: "ts" };
      });
    },
  };
}
