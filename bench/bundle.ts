import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { type Spread, spreadOf } from "./spread.ts";

const run = promisify(execFile);

const WRANGLER = join(import.meta.dirname, "../node_modules/wrangler/bin/wrangler.js");
const MAX_RUN_MS = 60_000;

/** The size in kilobytes, compressed, of the files that `wrangler deploy` would upload. */
export async function measureBundle(): Promise<number> {
  return inTemporaryFolder(async (folder) => {
    await wrangler("deploy", "--dry-run", "--outdir", folder);
    const files = (await readdir(folder)).filter((name) => !name.endsWith(".map") && name !== "README.md");
    const sizes = await Promise.all(files.map(async (name) => gzipSync(await readFile(join(folder, name))).length));
    return sizes.reduce((sum, size) => sum + size, 0) / 1000;
  });
}

/** How long workerd is busy before the Worker can handle its first request, in milliseconds. */
export async function measureStartUp(runs: number): Promise<Spread> {
  return inTemporaryFolder(async (folder) => {
    const samples: number[] = [];
    for (let done = 0; done < runs; done++) {
      const file = join(folder, `${done}.cpuprofile`);
      await wrangler("check", "startup", "--outfile", file);
      samples.push(activeMs(JSON.parse(await readFile(file, "utf8")) as CpuProfile));
    }
    return spreadOf(samples);
  });
}

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string } }[];
  samples: number[];
  timeDeltas: number[];
}

function activeMs({ nodes, samples, timeDeltas }: CpuProfile): number {
  const idle = nodes.find(({ callFrame }) => callFrame.functionName === "(idle)")?.id;
  return samples.reduce((sum, node, i) => sum + (node === idle ? 0 : timeDeltas[i]!), 0) / 1000;
}

async function wrangler(...args: string[]): Promise<void> {
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false" };
  await run(process.execPath, [WRANGLER, ...args], { env, timeout: MAX_RUN_MS });
}

async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "tracklog-bundle-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
