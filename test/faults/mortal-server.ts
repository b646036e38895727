import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

const MAX_START_MS = 60_000;
const MAX_QUOTED_CHARACTERS = 2_000;

/**
 * A server in its own process group, which can be killed at any moment and started again with the same state. It is
 * Tracklog, or the server of another script.
 */
export class MortalServer {
  readonly url: string;
  /** The SQLite file behind D1, if the server has one. It is known after the server has started. */
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
   * @param options the script's options
   * @param script takes `--state` and `--port`. When it serves, it prints a line of JSON, which names D1's file if there is one
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

  /** @param options the script's options */
  async start(options: readonly string[] = []): Promise<void> {
    const child = spawn(
      process.execPath,
      [this.#script, "--state", this.#state, "--port", String(this.#port), ...options],
      { detached: true, stdio: ["pipe", "pipe", "pipe"] },
    );
    // The server may be killed while somebody writes to its input.
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

  /** Kills Node, workerd and all of their children at once, so that nothing can be finished or flushed. */
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
