import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plugin } from "esbuild";
import { convertV4MiniflareOptions, Miniflare, type V4DurableObject } from "miniflare";
import { unstable_getMiniflareWorkerOptions as workerOptionsOf, unstable_splitSqlQuery as splitSql } from "wrangler";
import { buildWorker } from "./build-worker.ts";

/** Settings that differ from a deployment's: requests need no key, and a user's rate has no limit. */
const VARS = { OPEN: "true", RATE_LIMIT_EVENTS_PER_SECOND: "1000000000", RATE_LIMIT_BURST_EVENTS: "1000000000" };

export interface WorkerServer {
  url: URL;
  /** The folder of the state. */
  folder: string;
  /** The SQLite file behind the binding DB, where that is the only database. */
  d1File: string;
  /** The SQLite files behind all databases, in no order that says which is which. */
  d1Files: string[];
  /** A D1 database by its binding. */
  database: (binding: string) => Promise<Database>;
  /** The bucket behind the binding ARCHIVE. */
  archive: () => Promise<Bucket>;
  /** Evicts an object, as the runtime does when an object has had nothing to do for a while. */
  evict: (className: string, name: string) => Promise<void>;
  /** Needs `isInspected`. */
  inspector: () => Promise<URL>;
  /** Runs the cron's handler. */
  runCron: () => Promise<void>;
  stop: () => Promise<void>;
}

type Database = Awaited<ReturnType<Miniflare["getD1Database"]>>;
type Bucket = Awaited<ReturnType<Miniflare["getR2Bucket"]>>;

export interface WorkerServerOptions {
  /** The Worker's entry, relative to the repository's root. */
  entry: string;
  /** Modules and their replacements, both relative to the repository's root. */
  replaced?: Record<string, string>;
  /** Durable Objects that wrangler.toml does not have, or binds to another class, as binding to class. */
  durableObjects?: Record<string, string>;
  /** The folder of the .sql files for an empty D1, relative to the repository's root. */
  migrations: string;
  /** A folder whose files replace the migrations with the same name. */
  ownMigrations?: string;
  /** The folder of the state. Without it, the state is in a temporary folder, which `stop` removes. */
  state?: string;
  port?: number;
  /** Whether the runtime may evict objects that have had nothing to do for some seconds. */
  mayEvict?: boolean;
  /** Whether to discard what the Worker logs. */
  isSilent?: boolean;
  /** Gets each line that the Worker logs. Without it the lines are printed. */
  onLog?: (line: string) => void;
  /** Whether to serve the pages as well. No measurement needs them. */
  hasPages?: boolean;
  /** Variables with another value than in wrangler.toml. */
  vars?: Record<string, string>;
  /** Whether the bucket ARCHIVE is bound. */
  hasArchive?: boolean;
  /** Databases besides DB, by their bindings. */
  moreDatabases?: readonly string[];
  /** More plugins for esbuild. */
  plugins?: Plugin[];
  /** Whether V8's inspector is available. */
  isInspected?: boolean;
}

/**
 * Runs a Worker in its own workerd, with the bindings of wrangler.toml and state on disk. Requests go straight to the
 * Worker, without wrangler dev's proxy and Miniflare's entry Worker.
 */
export async function startWorkerServer({
  entry,
  replaced = {},
  durableObjects = {},
  migrations,
  ownMigrations,
  state,
  port = 0,
  mayEvict = false,
  isSilent = false,
  onLog = isSilent ? () => {} : undefined,
  hasPages = false,
  vars = {},
  hasArchive = false,
  moreDatabases = [],
  plugins = [],
  isInspected = false,
}: WorkerServerOptions): Promise<WorkerServer> {
  process.env["WRANGLER_LOG"] ??= "warn";
  // Cloudflare counts a key's rate in memory and serves assets elsewhere. The local versions, a database and another Worker
  // in front, would take more time of each request than the code that is measured.
  const { modulesRules: _, ratelimits: __, assets, ...options } = workerOptionsOf("wrangler.toml").workerOptions;
  const objects: Record<string, V4DurableObject> = {};
  for (const [binding, object] of Object.entries(options["durableObjects"] as Record<string, V4DurableObject>))
    objects[binding] = object;
  for (const [binding, className] of Object.entries(durableObjects)) objects[binding] = { className, useSQLite: true };
  for (const object of Object.values(objects)) object.unsafePreventEviction = !mayEvict;

  const folder = state ?? (await mkdtemp(join(tmpdir(), "tracklog-bench-")));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...options,
      ...(hasPages && { assets: assets as { directory: string } }),
      modules: [{ type: "ESModule", path: "worker.js", contents: await buildWorker(entry, replaced, plugins) }],
      bindings: { ...(options["bindings"] as object), ...VARS, ...vars },
      ...(isInspected && { inspectorPort: 0 }),
      ...(hasArchive && { r2Buckets: { ARCHIVE: "archive" } }),
      ...(moreDatabases.length > 0 && {
        d1Databases: { DB: "tracklog", ...Object.fromEntries(moreDatabases.map((binding) => [binding, binding])) },
      }),
      durableObjects: objects,
      unsafeDirectSockets: [{ host: "127.0.0.1", port }],
      resourcePersistencePath: folder,
      host: "127.0.0.1",
      port: 0,
      cf: false,
      ...(onLog && { handleStructuredLogs: ({ message }: { message: string }) => onLog(message) }),
    }),
  );
  const stop = async () => {
    await miniflare.dispose();
    if (state === undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    const url = await miniflare.unsafeGetDirectURL();
    // D1 may be locked when a server is started again, so the migrations are not repeated.
    if ((await findD1Files(folder)).length === 0)
      for (const binding of ["DB", ...moreDatabases])
        await migrate(await miniflare.getD1Database(binding), migrations, ownMigrations);
    const d1Files = await findD1Files(folder);
    const [d1File] = d1Files;
    if (d1File === undefined) throw new Error(`There is no D1 database below ${folder}`);
    return {
      url,
      folder,
      d1File,
      d1Files,
      database: (binding) => miniflare.getD1Database(binding),
      archive: () => miniflare.getR2Bucket("ARCHIVE"),
      evict: (className, name) => miniflare.unsafeEvictDurableObject(options["name"] as string, className, { name }),
      inspector: () => miniflare.getInspectorURL(),
      runCron: async () => void (await (await miniflare.getWorker()).scheduled()),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function migrate(database: Database, migrations: string, ownMigrations?: string): Promise<void> {
  const own = ownMigrations === undefined ? [] : await readdir(ownMigrations);
  for (const file of (await readdir(migrations)).filter((name) => name.endsWith(".sql")).sort()) {
    const folder = ownMigrations !== undefined && own.includes(file) ? ownMigrations : migrations;
    const statements = splitSql(await readFile(join(folder, file), "utf8"));
    await database.batch(statements.map((statement) => database.prepare(statement)));
  }
}

async function findD1Files(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  return files.filter((name) => /D1DatabaseObject\/[0-9a-f]+\.sqlite$/.test(name)).map((name) => join(folder, name));
}
