import { setTimeout as sleep } from "node:timers/promises";
import { unstable_readConfig as readConfig } from "wrangler";

const MAX_TRIES = 200;
const TRY_EVERY_MS = 300;

const PAGES = {
  "/": "the dashboard",
  "/live": "events as they arrive",
  "/rejections": "what was refused",
  "/docs": "the API",
};

/**
 * Waits until `wrangler dev` serves, and prints the pages' addresses. Gives up silently after a minute.
 *
 * @param options wrangler's options, which may hold the port
 */
export async function printAddresses(options: string[]): Promise<void> {
  const given = options.flatMap(
    (option, index) =>
      /^--port(?:=(\d+))?$/.exec(option)?.[1] ?? (option === "--port" ? (options[index + 1] ?? []) : []),
  );
  const origin = `http://localhost:${given[0] ?? readConfig({ config: "wrangler.toml" }).dev.port}`;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    await sleep(TRY_EVERY_MS, undefined, { ref: false });
    if (!(await isServed(origin))) continue;
    const lines = Object.entries(PAGES).map(([path, what]) => `  ${`${origin}${path}`.padEnd(36)}${what}`);
    console.log(`\n${lines.join("\n")}\n`);
    return;
  }
}

async function isServed(origin: string): Promise<boolean> {
  try {
    const response = await fetch(origin, { headers: { Accept: "application/json" } });
    return ((await response.json()) as { name?: string }).name === "tracklog";
  } catch {
    return false;
  }
}
