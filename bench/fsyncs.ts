import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { newEvent, SESSION_EVENTS, SESSIONS, sessionBodies } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { StoredEvents } from "./stored-events.ts";
import { VARIANTS } from "./variants.ts";
import { findWorkerd } from "./workerd-process.ts";
import { startWorkerServer } from "./worker-server.ts";

/** Of a session's events, until D1 has them. */
export interface Fsyncs {
  tracklog: number;
  direct: number;
}

const MAX_ATTACH_MS = 5_000;

/** Counts by `strace`. Null where that is not there or may not look into another process. */
export async function countFsyncs(): Promise<Fsyncs | null> {
  try {
    return { tracklog: await fsyncsPerEvent("tracklog"), direct: await fsyncsPerEvent("direct") };
  } catch (error) {
    if (error instanceof NoStraceError) return null;
    throw error;
  }
}

class NoStraceError extends Error {}

async function fsyncsPerEvent(variant: "tracklog" | "direct"): Promise<number> {
  const server = await startWorkerServer(VARIANTS[variant]);
  const stored = variant === "tracklog" ? new StoredEvents(server.d1File) : null;
  const send = async (bodies: readonly string[]) => {
    const before = stored?.position() ?? 0;
    await sendLoad(server.url, bodies);
    await stored?.waitForMore(before, bodies.length);
  };
  const users = Array.from({ length: SESSIONS }, (_, user) => `synced-${user}`);
  try {
    // With its second event a log has a table.
    for (let event = 0; event < 2; event++) await send(users.map((user) => JSON.stringify(newEvent(user))));
    const calls = await countCalls(await findWorkerd(server.folder), () => send(sessionBodies("synced")));
    return calls / (SESSIONS * SESSION_EVENTS);
  } finally {
    stored?.close();
    await server.stop();
  }
}

async function countCalls(pid: number, work: () => Promise<void>): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "tracklog-fsyncs-"));
  const file = join(folder, "calls");
  const strace = spawn("strace", ["-f", "-e", "trace=fsync,fdatasync", "-o", file, "-p", String(pid)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    const attached = await Promise.race([
      once(strace.stderr, "data").then(([text]) => /attached/.test(String(text))),
      once(strace, "error").then(() => false),
      once(strace, "exit").then(() => false),
      sleep(MAX_ATTACH_MS, false),
    ]);
    if (!attached) throw new NoStraceError("strace cannot attach");
    await work();
    const ended = once(strace, "exit");
    strace.kill("SIGINT");
    await ended;
    // A call that another thread interrupts takes two lines, of which the second says that it is resumed.
    return (await readFile(file, "utf8")).match(/\bf(data)?sync\(/g)?.length ?? 0;
  } finally {
    strace.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
}
