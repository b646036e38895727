import { runDurableObjectAlarm } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import * as fc from "fast-check";
import { afterEach, describe, it, vi } from "vitest";
import querying from "../../../docs/querying.md?raw";
import { type Answer, anEvent, call, get, newUser, pagesOf, track, userLog } from "../../tracklog.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

type D1Mood = "fine" | "slow" | "away" | "ambiguous";

/** Gives D1 a mood: "slow" leaves time for others, "ambiguous" loses the connection after a commit. */
function moodyD1() {
  const d1: { mood: D1Mood } = { mood: "fine" };
  vi.spyOn(console, "error").mockImplementation(() => {});
  const prepare = env.DB.prepare.bind(env.DB);
  vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
    if (d1.mood === "away") throw new Error("D1_ERROR: D1 is away");
    return prepare(sql);
  });
  const batch = env.DB.batch.bind(env.DB);
  vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
    const { mood } = d1;
    const results = await batch<never>(statements);
    if (mood === "ambiguous") throw new Error("D1_ERROR: Network connection lost.");
    if (mood === "slow") await scheduler.wait(10);
    return results;
  });
  return d1;
}

/** The expression by which the documented loop finds its cursor. */
const CURSOR = new RegExp(
  /sed 's\/(.+?)\/\\1\/'/
    .exec(querying)![1]!
    .replaceAll(String.raw`\(`, "(")
    .replaceAll(String.raw`\)`, ")"),
);

/** The documented loop, and a copy that is kept as it says there. */
class Reader {
  /** Revision and event by user, generation and number. */
  readonly copy = new Map<string, Answer>();
  readonly told: string[] = [];
  #cursor = "";

  /** One turn of the loop. Returns whether there is more. `cut` breaks the connection after this many lines. */
  async turn(cut?: number): Promise<boolean> {
    const response = await exports.default.fetch(`https://tracklog.test/events?after=${this.#cursor}`, {
      headers: { accept: "application/x-ndjson" },
    });
    const text = new TextDecoder().decode(await response.arrayBuffer());
    // curl ends with an error then, and the loop drops what it got.
    if (!response.ok || cut !== undefined) return true;
    const lines = text.trimEnd().split("\n");
    const last = lines.pop()!;
    for (const line of lines) this.#apply(JSON.parse(line) as Answer);
    this.#cursor = CURSOR.exec(last)![1]!;
    return last.includes('"end":false') || lines.length > 0;
  }

  #apply(line: Answer): void {
    if (line["erased"] !== undefined) {
      const prefix = `${line["erased"]} ${line["generation"]} `;
      for (const key of this.copy.keys()) if (key.startsWith(prefix)) this.copy.delete(key);
      return;
    }
    const { generation, cursor: _, ...event } = line;
    const key = `${event["user_id"]} ${generation} ${event["seq"]}`;
    this.told.push(`${key} ${event["revision"]}`);
    this.copy.set(key, event);
  }

  eventsOf(user: string): Answer[] {
    return [...this.copy.values()].filter((event) => event["user_id"] === user);
  }
}

function inOrder(events: Answer[]): Answer[] {
  return events.toSorted((a, b) => a["seq"] - b["seq"]);
}

describe("G7: a reader who follows the feed as docs/querying.md says", () => {
  const time = fc.integer({ min: 0, max: 15 });
  const step = fc.oneof(
    // Few times and many steps: updates, duplicates and late events are frequent.
    {
      weight: 5,
      arbitrary: fc.record({
        track: fc.array(fc.record({ user: fc.nat(2), time, value: fc.nat(3) }), { minLength: 1, maxLength: 5 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ deliver: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ erase: fc.nat(2) }) },
    { weight: 3, arbitrary: fc.record({ read: fc.option(fc.constant(1), { nil: undefined }) }) },
    { weight: 2, arbitrary: fc.record({ mood: fc.constantFrom<D1Mood>("fine", "slow", "slow", "away", "ambiguous") }) },
  );

  it(
    "ends with exactly what the logs hold, while events come and go and D1 fails",
    { timeout: 60_000 },
    async ({ expect }) => {
      const reader = new Reader();
      const d1 = moodyD1();
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
          const users = [newUser(), newUser(), newUser()] as const;
          const deliveries: Promise<unknown>[] = [];
          for (const one of steps)
            if ("mood" in one) d1.mood = one.mood;
            else if ("read" in one) await reader.turn(one.read);
            else if ("erase" in one) await call("DELETE", `/users/${users[one.erase]}`);
            else if ("deliver" in one) {
              const delivery = runDurableObjectAlarm(userLog(users[one.deliver]!));
              // What follows happens while the statement is on its way.
              if (d1.mood === "slow") deliveries.push(delivery);
              else await delivery;
            } else
              await track(
                one.track.map(({ user, time: at, value }) =>
                  anEvent({
                    user_id: users[user],
                    timestamp: 1_700_000_000_000 + at,
                    properties: { value, [`v${value}`]: at },
                  }),
                ),
              );

          d1.mood = "fine";
          await Promise.all(deliveries);
          // An erasure's receipt keeps an alarm for thirty days, so there is always one.
          for (const user of users) for (let i = 0; i < 5; i++) await runDurableObjectAlarm(userLog(user));
          while (await reader.turn());

          for (const user of users) {
            const { status } = await get(`/users/${user}`);
            const log = status === 404 ? [] : (await pagesOf(`/users/${user}/events`)).flat();
            expect(inOrder(reader.eventsOf(user))).toEqual(inOrder(log.map((event) => ({ user_id: user, ...event }))));
          }
          expect(new Set(reader.told).size).toBe(reader.told.length); // no revision twice
        }),
        { numRuns: 30, seed: 7 },
      );
    },
  );
});
