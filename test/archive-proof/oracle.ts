import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { createViews } from "../../scripts/query/create-views.ts";
import { downloadEvents } from "../../scripts/query/download-events.ts";
import type { Deployment } from "./deployment.ts";

/** The fields of an event that are compared. */
interface Found {
  seq: number;
  revision: number;
  event: string;
  timestamp: string;
  properties: unknown;
}

/**
 * Returns what is wrong. DuckDB over the archive and D1, read as `npm run query` reads them, must have each event of
 * each log exactly once, in its latest revision, and nothing else.
 *
 * @param since events from before this time (ISO-8601) are not kept
 */
export async function compareWithLogs(deployment: Deployment, since = ""): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "tracklog-oracle-"));
  try {
    const connection = await (await DuckDBInstance.create()).connect();
    await createViews(connection, await downloadEvents(deployment.url, undefined, folder));
    const reader = await connection.runAndReadAll(
      `SELECT user_id, seq, revision, event, strftime(timestamp, '%Y-%m-%dT%H:%M:%S.%gZ') AS timestamp, properties
       FROM events ORDER BY user_id, seq, revision`,
    );
    connection.closeSync();
    const found = Map.groupBy(reader.getRowObjectsJson(), (row) => row["user_id"] as string);
    const violations = [...found.keys()]
      .filter((user) => !deployment.users.has(user))
      .map((user) => `${user} was never sent`);
    for (const user of deployment.users) {
      const expected = (await logOf(deployment, user)).filter(({ timestamp }) => timestamp >= since);
      const rows = (found.get(user) ?? []).map((row): Found => ({
        seq: Number(row["seq"]),
        revision: Number(row["revision"]),
        event: row["event"] as string,
        timestamp: row["timestamp"] as string,
        properties: JSON.parse(row["properties"] as string) as unknown,
      }));
      if (!isDeepStrictEqual(rows, expected))
        violations.push(`of ${user} there is ${JSON.stringify(rows)}, and not ${JSON.stringify(expected)}`);
    }
    return violations;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A user's events as the log has them. */
async function logOf({ url }: Deployment, user: string): Promise<Found[]> {
  const response = await fetch(`${url}/users/${user}/export`);
  if (response.status === 404) return [];
  const lines = (await response.text()).trimEnd().split("\n");
  return lines
    .map((line) => JSON.parse(line) as Found & { kind: string })
    .filter(({ kind }) => kind === "event")
    .map(({ seq, revision, event, timestamp, properties }) => ({ seq, revision, event, timestamp, properties }))
    .sort((a, b) => a.seq - b.seq);
}

/**
 * Returns where something of a user is left in the objects of the bucket, listed or not. Searches their bytes, and what
 * they contain when it is unpacked.
 */
export async function tracesOf(deployment: Deployment, users: readonly string[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "tracklog-traces-"));
  try {
    const bucket = await deployment.server.archive();
    const connection = await (await DuckDBInstance.create()).connect();
    const violations: string[] = [];
    for (const [index, name] of (await objectNames(deployment)).entries()) {
      const bytes = Buffer.from(await (await bucket.get(name))!.arrayBuffer());
      let text = bytes.toString("latin1");
      if (name.endsWith(".parquet")) {
        // Each file gets its own name, because DuckDB caches what it has read of a file.
        const file = join(folder, `${index}.parquet`);
        await writeFile(file, bytes);
        const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`);
        text += JSON.stringify(reader.getRowsJson());
      }
      for (const user of users) if (text.includes(user)) violations.push(`${name} has something of ${user}`);
    }
    connection.closeSync();
    return violations;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns what is wrong with the bucket. The manifests must list every file, and each event must be in one file. */
export async function compareWithManifest(deployment: Deployment): Promise<string[]> {
  const { body } = await deployment.ask("GET", "/archive/manifest");
  const manifests = body["manifests"] as { objects: { name: string }[] }[];
  const listed = manifests.flatMap(({ objects }) => objects.map(({ name }) => name)).sort();
  const there = (await objectNames(deployment)).filter((name) => name.endsWith(".parquet")).sort();
  return isDeepStrictEqual(listed, there) ? [] : [`there is ${there.join()}, and the manifest lists ${listed.join()}`];
}

async function objectNames(deployment: Deployment): Promise<string[]> {
  const { objects } = await (await deployment.server.archive()).list();
  return objects.map(({ key }) => key);
}
