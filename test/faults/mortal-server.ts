import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

const MAX_START_MS = 20_000;
const MAX_QUOTED_CHARACTERS = 2_000;

/** Tracklog in a process group of its own, which can be killed at any moment and started again on the same state. */
export class MortalServer {
  readonly url: string;
  /** The SQLite file behind D1; known once the server has started. */
  d1File = "";

  readonly #port: number;
  readonly #state: string;
  #process: ChildProcess | null = null;

  private constructor(state: string, port: number) {
    this.#state = state;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    process.once("exit", () => this.#signal());
  }

  static async start(state: string): Promise<MortalServer> {
    const server = new MortalServer(state, await freePort());
    await server.start();
    return server;
  }

  /** @param isClockBack whether the Worker finds itself an hour before the machine's time */
  async start(isClockBack = false): Promise<void> {
    const script = join(import.meta.dirname, "serve.ts");
    const child = spawn(
      process.execPath,
      [script, "--state", this.#state, "--port", String(this.#port), ...(isClockBack ? ["--clock-back"] : [])],
      {
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    this.#process = child;
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors = `${errors}${chunk.toString()}`.slice(-MAX_QUOTED_CHARACTERS)));
    const lines = createInterface(child.stdout);
    const ended = once(child, "exit").then(() => Promise.reject(new Error("it ended")));
    const signal = AbortSignal.timeout(MAX_START_MS);
    const [line] = await Promise.race([once(lines, "line", { signal }) as Promise<[string]>, ended]).catch(
      (cause: unknown) => {
        throw new Error(`The server did not start: ${errors}`, { cause });
      },
    );
    ended.catch(() => {});
    this.d1File = (JSON.parse(line) as { d1File: string }).d1File;
  }

  /** Kills Node, workerd and whatever else they started, at once: nobody gets to finish or to flush anything. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const exited = once(child, "exit");
    this.#signal();
    await exited;
  }

  #signal(): void {
    const child = this.#process;
    this.#process = null;
    if (child?.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}
