import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

const MAX_START_MS = 60_000;
const MAX_QUOTED_CHARACTERS = 2_000;

/**
 * A server in a process group of its own, which can be killed at any moment and started again on the same state:
 * Tracklog, or what another script serves.
 */
export class MortalServer {
  readonly url: string;
  /** The SQLite file behind D1, where it has one; known once the server has started. */
  d1File = "";
  /** The same of all of its databases, where it has several. */
  d1Files: string[] = [];

  readonly #port: number;
  readonly #state: string;
  readonly #script: string;
  #process: ChildProcess | null = null;

  private constructor(state: string, port: number, script: string) {
    this.#state = state;
    this.#script = script;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    process.once("exit", () => this.#signal());
  }

  /**
   * @param state the folder of its state
   * @param options of the script
   * @param script takes `--state` and `--port`, and prints a line of JSON when it serves, which says where D1 is if any
   */
  static async start(
    state: string,
    options: readonly string[] = [],
    script = join(import.meta.dirname, "serve.ts"),
  ): Promise<MortalServer> {
    const server = new MortalServer(state, await freePort(), script);
    await server.start(options);
    return server;
  }

  /** @param options of the script that serves */
  async start(options: readonly string[] = []): Promise<void> {
    const child = spawn(
      process.execPath,
      [this.#script, "--state", this.#state, "--port", String(this.#port), ...options],
      { detached: true, stdio: ["pipe", "pipe", "pipe"] },
    );
    // It may be killed while it is told something.
    child.stdin.on("error", () => {});
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
    const told = JSON.parse(line) as { d1File?: string; d1Files?: string[] };
    this.d1File = told.d1File ?? "";
    this.d1Files = told.d1Files ?? [];
  }

  /** Writes a line to the standard input of the script that serves. */
  tell(message: object): void {
    this.#process?.stdin?.write(`${JSON.stringify(message)}\n`);
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
