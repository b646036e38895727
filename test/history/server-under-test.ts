import { join } from "node:path";
import { MortalServer } from "../faults/mortal-server.ts";
import { type FaultRates, NO_FAULTS } from "./worker/faults.ts";

const MAX_ANSWER_MS = 10_000;
const MAX_LONG_ANSWER_MS = 40_000;

/** The answer's status, and its body if it is JSON. Null for no answer, and for one that asks to try again later. */
export type Answered = { status: number; body: Record<string, unknown>; text: string } | null;

/** The databases that are bound. */
export const DATABASES = ["DB", "DB_1"];

/** The server of a run, which can be made to fail in every way that a run needs. */
export class ServerUnderTest {
  readonly #server: MortalServer;
  readonly #options: string[];
  /** Answers that no client should ever get. */
  readonly faults: string[] = [];
  rates: Record<"d1" | "r2", FaultRates> = { d1: NO_FAULTS, r2: NO_FAULTS };
  clockMs = 0;
  /** The database that takes no more events, as it is full. */
  full: string | null = null;
  /** The database that takes no new events since the last start, as CLOSED_DATABASES says; empty for none. */
  closed = "";
  kills = 0;
  readonly counts = new Map<string, number>();

  private constructor(server: MortalServer, options: string[]) {
    this.#server = server;
    this.#options = options;
  }

  static async start(state: string, isReal: boolean): Promise<ServerUnderTest> {
    const options = isReal ? ["--real-limits"] : [];
    const script = join(import.meta.dirname, "serve.ts");
    return new ServerUnderTest(await MortalServer.start(state, options, script), options);
  }

  get url(): string {
    return this.#server.url;
  }

  get d1Files(): string[] {
    return this.#server.d1Files;
  }

  async ask(
    method: string,
    path: string,
    init: { body?: string; headers?: Record<string, string>; isLong?: boolean } = {},
  ): Promise<Answered> {
    const { body, headers = {}, isLong = false } = init;
    try {
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers,
        ...(body !== undefined && { body }),
        signal: AbortSignal.timeout(isLong ? MAX_LONG_ANSWER_MS : MAX_ANSWER_MS),
      });
      const text = await response.text();
      if (response.status >= 500 && response.status !== 503)
        this.faults.push(`${method} ${path} was answered ${response.status}: ${text.slice(0, 300)}`);
      if (response.status >= 500 || response.status === 429) return null;
      return { status: response.status, body: parsed(text), text };
    } catch {
      return null;
    }
  }

  /** @returns the bytes of an archived file, or null for no answer */
  async bytes(path: string): Promise<ArrayBuffer | null> {
    const answer = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(MAX_ANSWER_MS) }).catch(() => null);
    return answer?.ok ? answer.arrayBuffer() : null;
  }

  /** Sets which calls fail, and how far the Worker's clock is ahead. This stays the same after a kill. */
  async setFaults(seed: number, rates: ServerUnderTest["rates"], clockMs: number): Promise<void> {
    this.rates = rates;
    this.clockMs = clockMs;
    await this.#applyFaults(seed);
  }

  async abort(binding: string, name: string): Promise<void> {
    await this.ask("POST", "/__history/abort", { body: JSON.stringify({ binding, name }) });
  }

  evict(className: string, name: string): void {
    this.#server.tell({ className, name });
  }

  async runCron(): Promise<boolean> {
    return (await this.ask("POST", "/__history/cron", { isLong: true })) !== null;
  }

  async killAndRestart(seed: number, pauseMs: number): Promise<void> {
    this.kills++;
    await this.#server.kill();
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    await this.#server.start([...this.#options, `--clock=${this.clockMs}`, `--closed=${this.closed}`]);
    await this.#applyFaults(seed);
  }

  async stop(): Promise<void> {
    await this.#server.kill();
  }

  async #applyFaults(seed: number): Promise<void> {
    const body = JSON.stringify({ seed, clockMs: this.clockMs, rates: this.rates, full: this.full });
    const answer = await this.ask("POST", "/__history/faults", { body });
    for (const [fault, count] of Object.entries(answer?.body ?? {}))
      this.counts.set(fault, (this.counts.get(fault) ?? 0) + Number(count));
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
