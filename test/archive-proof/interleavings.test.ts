import { afterAll, beforeAll, describe, it } from "vitest";
import { randomFrom } from "../faults/random.ts";
import { Deployment, type SentEvent, until } from "./deployment.ts";
import type { FaultMode } from "./fault.ts";
import { compareWithLogs, compareWithManifest, tracesOf } from "./oracle.ts";

const IS_WHOLE = process.env["ARCHIVE_PROOF"] === "whole";
/** `SEED=…` repeats one run. */
const SEEDS = process.env["SEED"]
  ? [Number(process.env["SEED"])]
  : Array.from({ length: IS_WHOLE ? 30 : 3 }, (_, seed) => seed + 1);
const ACTIONS = 25;
const USERS = 6;
const MODES: FaultMode[] = ["crash before", "crash after", "fail before", "fail after", "hang after", "late"];

let deployment: Deployment;

beforeAll(async () => {
  deployment = await Deployment.start(["DB_1"]);
});

afterAll(() => deployment.stop());

/** Everything that may happen to the archive and beside it, drawn from a seed. */
class Chaos {
  readonly #random: () => number;
  readonly #seed: number;
  /** What has happened, to print if the test fails. */
  readonly story: string[] = [];
  readonly erased = new Set<string>();
  /** The databases that have to be rebuilt. */
  readonly #lost = new Set<string>();
  readonly #sent: SentEvent[] = [];

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = randomFrom(seed);
  }

  async act(): Promise<void> {
    const actions: [weight: number, name: string, act: () => Promise<void>][] = [
      [6, "events", () => this.#track()],
      [3, "updates", () => this.#update()],
      [3, "time", () => this.#letTimePass()],
      [5, "a run with a fault", () => this.#archiveWithFault()],
      [2, "runs at once", () => this.#archiveAtOnce()],
      [1, "an erasure", () => this.#erase()],
      [1, "a lost manifest", () => this.#loseManifest()],
      [1, "a lost database", () => this.#loseDatabase()],
      [1, "a rebuild", () => this.rebuild()],
    ];
    let drawn = this.#random() * actions.reduce((sum, [weight]) => sum + weight, 0);
    const [, name, act] = actions.find(([weight]) => (drawn -= weight) < 0)!;
    this.story.push(name);
    await act();
  }

  async rebuild(): Promise<void> {
    for (const database of this.#lost)
      await until(`${database} is rebuilt`, async () => {
        const { status, body } = await deployment.ask("POST", `/rebuild?database=${database}`);
        return status === 200 && body["stage"] === "done";
      });
    this.#lost.clear();
  }

  #pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random() * of.length)]!;
  }

  async #send(events: SentEvent[]): Promise<void> {
    await deployment.track(events);
    for (const event of events) this.erased.delete(event.user_id);
  }

  async #track(): Promise<void> {
    const events = Array.from({ length: 1 + Math.floor(this.#random() * 8) }, (): SentEvent => {
      const day = this.#pick([1, 2, 3, 40]);
      const timestamp = new Date(Date.UTC(2024, 0, day) + Math.floor(this.#random() * 86_400_000)).toISOString();
      const user_id = `user-${Math.floor(this.#random() * USERS)}-of-seed-${this.#seed}`;
      return { event: this.#pick(["came", "went"]), user_id, timestamp, properties: { n: this.#sent.length } };
    });
    this.#sent.push(...events);
    await this.#send(events);
  }

  async #update(): Promise<void> {
    if (this.#sent.length === 0) return;
    const event = this.#pick(this.#sent);
    await this.#send([{ ...event, properties: { ...event.properties, again: this.#random() } }]);
  }

  async #letTimePass(): Promise<void> {
    if (this.#random() < 0.7) await deployment.settled();
    await deployment.age();
  }

  async #archiveWithFault(): Promise<void> {
    const fault = {
      at: 1 + Math.floor(this.#random() * 25),
      mode: this.#pick(MODES),
      times: this.#random() < 0.2 ? 10 : 1,
    };
    this.story.push(JSON.stringify(fault));
    await deployment.fault(fault);
    await deployment.archive(this.#pick(deployment.databases));
    if (this.#random() < 0.5) await deployment.fault();
  }

  async #archiveAtOnce(): Promise<void> {
    await Promise.all(
      [...deployment.databases, ...deployment.databases].map((database) => deployment.archive(database)),
    );
  }

  async #erase(): Promise<void> {
    const user = this.#pick([...deployment.users, ""]);
    if (user === "") return;
    await deployment.erase(user);
    this.erased.add(user);
  }

  async #loseManifest(): Promise<void> {
    await (await deployment.server.archive()).delete(`events/v1/manifest/${this.#pick(deployment.databases)}.json`);
  }

  async #loseDatabase(): Promise<void> {
    const name = this.#pick(deployment.databases);
    await deployment.loseDatabase(name);
    this.#lost.add(name);
  }
}

describe("the archive and D1 together", () => {
  it.for(SEEDS)(
    "have each event once and nothing that was erased, whatever happens: seed %i",
    async (seed, { expect }) => {
      await deployment.beginAnew();
      const chaos = new Chaos(seed);
      const nothingIsWrong = async () => {
        await deployment.fault();
        await deployment.settled();
        await chaos.rebuild();
        for (const database of deployment.databases) await deployment.archiveAll(database);
        const violations = [
          ...(await compareWithLogs(deployment)),
          ...(await compareWithManifest(deployment)),
          ...(await tracesOf(deployment, [...chaos.erased])),
        ];
        expect(violations, chaos.story.join(", ")).toEqual([]);
      };
      for (let action = 1; action <= ACTIONS; action++) {
        await chaos.act();
        if (action % 12 === 0) await nothingIsWrong();
      }
      await nothingIsWrong();

      await deployment.age();
      await nothingIsWrong();
      for (const name of deployment.databases) {
        const rows = await (
          await deployment.server.database(name)
        )
          .prepare("SELECT count(*) AS n FROM events")
          .first("n");
        expect(rows, `old rows in ${name}, ${chaos.story.join(", ")}`).toBe(0);
      }
    },
  );
});
