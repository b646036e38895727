import { setTimeout as sleep } from "node:timers/promises";
import { startWorkerServer, type WorkerServer } from "../../bench/worker-server.ts";
import type { Fault } from "./fault.ts";

/** An event as a client sends it. */
export interface SentEvent {
  event: string;
  user_id: string;
  timestamp: string;
  properties: Record<string, unknown>;
}

/** Any answer of the API, loosely typed. */
// oxlint-disable-next-line typescript/no-explicit-any -- each test states what it expects of an answer
export type Answer = Record<string, any>;

const MAX_WAIT_MS = 30_000;

/** Tracklog with an archive, in its own workerd. Its archiver fails when it is told to. */
export class Deployment {
  readonly server: WorkerServer;
  readonly url: string;
  readonly databases: readonly string[];
  /** All users that events were ever sent for. */
  readonly users = new Set<string>();

  private constructor(server: WorkerServer, databases: readonly string[]) {
    this.server = server;
    this.databases = databases;
    this.url = server.url.origin;
  }

  /** @param moreDatabases the bindings of further databases besides DB */
  static async start(moreDatabases: readonly string[] = []): Promise<Deployment> {
    const server = await startWorkerServer({
      entry: "test/archive-proof/worker/index.ts",
      migrations: "src/d1/migrations",
      durableObjects: { ARCHIVER_TWIN: "Archiver" },
      isSilent: true,
      hasArchive: true,
      moreDatabases,
      vars: { D1_DAYS: "30" },
    });
    return new Deployment(server, ["DB", ...moreDatabases]);
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  async track(events: readonly SentEvent[]): Promise<void> {
    const { status, body } = await this.ask("POST", "/track", events);
    if (status !== 200) throw new Error(`/track answered ${status}: ${JSON.stringify(body)}`);
    for (const { user_id } of events) this.users.add(user_id);
  }

  async erase(user: string): Promise<void> {
    await this.ask("DELETE", `/users/${user}`);
  }

  /** Sets a fault, or none if it is left out, and counts steps from now on. */
  async fault(fault: Fault = { at: 0, mode: "fail before" }): Promise<void> {
    await this.ask("PUT", "/test/fault", fault);
  }

  /** The archiver's calls to R2 and D1 since the fault was set. */
  async steps(): Promise<string[]> {
    return (await this.ask("GET", "/test/fault")).body["steps"] as string[];
  }

  /** Makes all rows of D1 old. */
  async age(): Promise<void> {
    for (const name of this.databases) {
      const database = await this.server.database(name);
      await database.batch(["events", "feed"].map((table) => database.prepare(`UPDATE ${table} SET written_at = 0`)));
    }
  }

  /** Empties a database, as if it had been lost. */
  async loseDatabase(name = "DB"): Promise<void> {
    const database = await this.server.database(name);
    await database.batch(["events", "feed", "erased"].map((table) => database.prepare(`DELETE FROM ${table}`)));
  }

  /** Deletes all users and data, as at the beginning. */
  async beginAnew(): Promise<void> {
    await this.fault();
    for (const known of this.users) await this.erase(known);
    await this.settled();
    this.users.clear();
    for (const database of this.databases) await this.loseDatabase(database);
    const bucket = await this.server.archive();
    const { objects } = await bucket.list();
    await bucket.delete(objects.map(({ key }) => key));
    for (const database of this.databases) await this.archiveAll(database);
  }

  /** What the run did; null if it failed. */
  async archive(database = "DB"): Promise<{ files: number; removed: number; more: boolean } | null> {
    const { status, body } = await this.ask("POST", `/archive/run?database=${database}`);
    return status === 200 ? (body as Awaited<ReturnType<Deployment["archive"]>>) : null;
  }

  /** Runs another archiver of the same database, which has its own storage. Returns whether it found nothing to do. */
  async runTwin(): Promise<boolean> {
    const { body } = await this.ask("POST", "/test/twin");
    return body["ok"] === true && body["report"].files + body["report"].removed === 0;
  }

  /** Runs the archiver until nothing is left to do. */
  async archiveAll(database = "DB"): Promise<void> {
    await until("the archive has everything", async () => {
      const run = await this.archive(database);
      return run !== null && run.files + run.removed === 0 && !run.more;
    });
  }

  /** Waits until D1 has every event and all erasures are complete. */
  async settled(): Promise<void> {
    for (const user of this.users) {
      await until(`D1 has everything of ${user}`, async () => {
        const { status, body } = await this.ask("GET", `/users/${user}`);
        return status === 404 || body["pending"] === 0;
      });
      await until(`${user} is forgotten`, async () => {
        const { body } = await this.ask("GET", `/users/${user}/erasure`);
        const erasures = (body["erasures"] ?? []) as { done_at: string | null }[];
        return erasures.every(({ done_at }) => done_at !== null);
      });
    }
  }

  async ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: Answer }> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  }
}

/** Asks repeatedly. Rejects if the condition does not become true in time. */
export async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (const begun = performance.now(); !(await isTrue()); await sleep(10))
    if (performance.now() - begun > MAX_WAIT_MS) throw new Error(`Not in time: ${what}`);
}
