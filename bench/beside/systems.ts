import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MortalServer } from "../../test/faults/mortal-server.ts";
import { findPostgres, Postgres } from "./postgres.ts";

/** The systems that are compared. */
export const SYSTEM_NAMES = ["tracklog", "direct", "node"] as const;

export type SystemName = (typeof SYSTEM_NAMES)[number];

/** A system that accepts events, and can be killed and started again. */
export interface System {
  url: URL;
  /** Whether events reach its database some time after the answer. */
  isLate: boolean;
  /** Kills all of it at once, including its database. */
  kill: () => Promise<void>;
  /** Starts it again. */
  start: () => Promise<void>;
  /** How many events it has stored. */
  count: () => Promise<number>;
  /** The property `n` of each stored event. A doubled event appears twice. */
  numbers: () => Promise<number[]>;
  /** Stops it, and removes its data. */
  stop: () => Promise<void>;
}

/** @returns null if the system is not installed on this machine */
export async function startSystem(name: SystemName): Promise<System | null> {
  switch (name) {
    case "tracklog":
      return startWorker(true);
    case "direct":
      return startWorker(false, join(import.meta.dirname, "serve-direct.ts"));
    case "node":
      return startNode();
  }
}

async function startWorker(isLate: boolean, script?: string): Promise<System> {
  const state = await temporaryFolder();
  const server = await MortalServer.start(state, [], script);
  const select = <Row>(sql: string): Row[] => {
    const database = new DatabaseSync(server.d1File, { readOnly: true, timeout: 5_000 });
    try {
      return database.prepare(sql).all() as Row[];
    } finally {
      database.close();
    }
  };
  return {
    url: new URL(server.url),
    isLate,
    kill: () => server.kill(),
    start: () => server.start(),
    count: async () => select<{ events: number }>("SELECT count(*) AS events FROM events")[0]!.events,
    numbers: async () => select<{ n: number }>("SELECT properties ->> 'n' AS n FROM events").map(({ n }) => n),
    stop: async () => {
      await server.kill();
      await rm(state, { recursive: true, force: true });
    },
  };
}

async function startNode(): Promise<System | null> {
  const binaries = findPostgres();
  if (!binaries) return null;
  const folder = await temporaryFolder();
  const postgres = await Postgres.start(folder, binaries);
  const server = await MortalServer.start(folder, [], join(import.meta.dirname, "serve-node.ts"));
  return {
    url: new URL(server.url),
    isLate: false,
    kill: async () => void (await Promise.all([server.kill(), postgres.kill()])),
    start: async () => {
      await postgres.start();
      await server.start();
    },
    count: async () =>
      (await postgres.query<{ events: number }>("SELECT count(*)::int AS events FROM events"))[0]!.events,
    numbers: async () =>
      (await postgres.query<{ n: number }>("SELECT (properties ->> 'n')::int AS n FROM events")).map(({ n }) => n),
    stop: async () => {
      await server.kill();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Makes a folder that is removed when the process ends, also if the run is interrupted. */
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tracklog-beside-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
