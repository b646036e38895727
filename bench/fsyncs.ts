import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { newEvent, SESSIONS, sessionBodies } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { StoredEvents } from "./stored-events.ts";
import { VARIANTS } from "./variants.ts";
import { findWorkerd } from "./workerd-process.ts";
import { startWorkerServer } from "./worker-server.ts";

type Counted = "tracklog" | "direct" | "minimal";

/** For an event of a session and for a user's first event, until D1 has them if they are stored there. */
export type Fsyncs = Record<Counted, { session: number; newUser: number }>;

const NEW_USERS = 40;

const MAX_ATTACH_MS = 5_000;

/** Counts with `strace`. Null if it is not installed, or may not attach to another process. */
export async function countFsyncs(): Promise<Fsyncs | null> {
  try {
    const [tracklog, direct, minimal] = await Promise.all([
      fsyncsPerEvent("tracklog"),
      fsyncsPerEvent("direct"),
      fsyncsPerEvent("minimal"),
    ]);
    return { tracklog, direct, minimal };
  } catch (error) {
    if (error instanceof NoStraceError) return null;
    throw error;
  }
}

class NoStraceError extends Error {}

async function fsyncsPerEvent(variant: Counted): Promise<Fsyncs[Counted]> {
  const server = await startWorkerServer(VARIANTS[variant]);
  const stored = variant === "tracklog" ? new StoredEvents(server.d1File) : null;
  const send = async (bodies: readonly string[]) => {
    const before = stored?.position() ?? 0;
    await sendLoad(server.url, bodies);
    await stored?.waitForMore(before, bodies.length);
  };
  const users = Array.from({ length: SESSIONS }, (_, user) => `synced-${user}`);
  try {
    // A log gets its table with its second event.
    for (let event = 0; event < 2; event++) await send(users.map((user) => JSON.stringify(newEvent(user))));
    const pid = await findWorkerd(server.folder);
    const count = async (bodies: readonly string[]) => (await countCalls(pid, () => send(bodies))) / bodies.length;
    const newcomers = Array.from({ length: NEW_USERS }, (_, user) => JSON.stringify(newEvent(`first-${user}`)));
    return { session: await count(sessionBodies("synced")), newUser: await count(newcomers) };
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
    // A call that another thread interrupts has two lines. The second one says `resumed` and does not match.
    return (await readFile(file, "utf8")).match(/\bf(data)?sync\(/g)?.length ?? 0;
  } finally {
    strace.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
}
