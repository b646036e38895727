import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { fail } from "../ask-deployment.ts";

/** A deployment's events as files on this machine. */
export interface EventFiles {
  /** Parquet files of the archive. */
  archived: string[];
  /** The events in D1, one JSON object on each line. */
  hot: string;
  /**
   * The erased logs, one JSON object on each line. Their rows do not count, although a file may have them until it is
   * rewritten.
   */
  erased: string;
}

const DOWNLOADS_AT_ONCE = 8;

/** Downloads all events of a deployment. Ends the script if it cannot be reached. */
export async function downloadEvents(url: string, key: string | undefined, folder: string): Promise<EventFiles> {
  const headers: Record<string, string> = key ? { Authorization: `Bearer ${key}` } : {};
  const ask = async (path: string, more: Record<string, string> = {}) => {
    const target = URL.parse(path, url);
    if (!target || !/^https?:$/.test(target.protocol)) fail("--url must be an address such as http://localhost:8787");
    const response = await fetch(target, { headers: { ...headers, ...more } }).catch((error: unknown) => {
      const { cause, message } = error as Error;
      return fail(`${target.origin} cannot be reached: ${cause instanceof Error ? cause.message : message}`);
    });
    return response;
  };
  // Reads D1 first: what moves to the archive meanwhile is then in both, and counts once. Reads it by time, because the
  // feed may already have dropped what is about to leave.
  const hot = join(folder, "hot.ndjson");
  const erased = join(folder, "erased.ndjson");
  await downloadHot(
    async (cursor) => answered(await ask(`/events?order=time&after=${cursor}`, { Accept: "application/x-ndjson" })),
    {
      hot,
      erased,
    },
  );
  const manifest = await ask("/archive/manifest");
  if (manifest.status === 404) return { archived: [], hot, erased };
  const { manifests } = (await (await answered(manifest)).json()) as { manifests: { objects: { name: string }[] }[] };
  const names = manifests.flatMap(({ objects }) => objects.map(({ name }) => name));
  const archived: string[] = [];
  for (let start = 0; start < names.length; start += DOWNLOADS_AT_ONCE) {
    const part = names.slice(start, start + DOWNLOADS_AT_ONCE).map(async (name, index) => {
      const file = join(folder, `${start + index}.parquet`);
      const response = await answered(await ask(`/archive/objects/${name}`));
      await writeFile(file, Readable.fromWeb(response.body as never));
      return file;
    });
    archived.push(...(await Promise.all(part)));
  }
  return { archived, hot, erased };
}

async function answered(response: Response): Promise<Response> {
  if (response.ok) return response;
  const { detail } = (await response.json().catch(() => ({}))) as { detail?: string };
  return fail(detail ?? `The answer was ${response.status}`);
}

/** Reads all that D1 has. The last line of a stream that ends early has the cursor to continue from. */
async function downloadHot(
  ask: (cursor: string) => Promise<Response>,
  files: Pick<EventFiles, "hot" | "erased">,
): Promise<void> {
  const hot = createWriteStream(files.hot);
  const erased = createWriteStream(files.erased);
  for (let cursor = "", isEnd = false; !isEnd;) {
    const response = await ask(cursor);
    for await (const line of createInterface({ input: Readable.fromWeb(response.body as never) })) {
      const read = JSON.parse(line) as { cursor: string; end?: boolean; erased?: string };
      cursor = read.cursor;
      if (read.end !== undefined) isEnd = read.end;
      else (read.erased === undefined ? hot : erased).write(`${line}\n`);
    }
  }
  await Promise.all([hot, erased].map((stream) => new Promise<void>((done) => stream.end(done))));
}
