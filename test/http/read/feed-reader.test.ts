import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { afterEach, describe, it, vi } from "vitest";
import { type Answer, anEvent, get, newUser, pagesOf, track, userLog } from "../../tracklog.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

type D1Mood = "fine" | "slow" | "away" | "ambiguous";

/** Makes insertions as D1's mood is: "slow" leaves time for others, "ambiguous" loses the connection after the commit. */
function moodyD1() {
  const d1: { mood: D1Mood } = { mood: "fine" };
  vi.spyOn(console, "error").mockImplementation(() => {});
  const prepare = env.DB.prepare.bind(env.DB);
  vi.spyOn(env.DB, "prepare").mockImplementation((query) => {
    if (d1.mood === "away") throw new Error("D1_ERROR: D1 is away");
    const statement = prepare(query);
    if (d1.mood === "fine" || !query.includes("INSERT INTO events")) return statement;
    const bind = statement.bind.bind(statement);
    return Object.assign(statement, {
      bind: (...values: unknown[]) => {
        const bound = bind(...values);
        const run = bound.run.bind(bound);
        return Object.assign(bound, {
          run: async () => {
            const { mood } = d1;
            const result = await run();
            if (mood === "ambiguous") throw new Error("D1_ERROR: Network connection lost.");
            await scheduler.wait(10);
            return result;
          },
        });
      },
    });
  });
  return d1;
}

/** A reader that keeps what it got and where it stands. */
class Reader {
  readonly events: Answer[] = [];
  #query = "";

  /** Reads a page, unless D1 is away, and tells whether there was anything. */
  async read(limit: number): Promise<boolean> {
    const { status, body } = await get(`/events?limit=${limit}${this.#query}`);
    if (status === 503) return false;
    const events = body["events"] as Answer[];
    this.events.push(...events);
    this.#query = `&after=${body["next_cursor"]}`;
    return events.length > 0;
  }
}

/** The last revision of each event, by its place in its user's log. */
function latestOf(events: Answer[]): Map<string, Answer> {
  return new Map(events.map((event) => [`${event["user_id"]}.${event["seq"]}`, event]));
}

describe("a reader of the feed", () => {
  const time = fc.integer({ min: 0, max: 15 });
  const step = fc.oneof(
    // Few times and many steps: updates, duplicates and late events are frequent.
    {
      weight: 5,
      arbitrary: fc.record({
        track: fc.array(fc.record({ user: fc.nat(2), time, value: fc.nat(3) }), { minLength: 1, maxLength: 5 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ ship: fc.nat(2) }) },
    { weight: 3, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ mood: fc.constantFrom<D1Mood>("fine", "slow", "slow", "away", "ambiguous") }) },
  );

  it(
    "ends with exactly what the logs hold, whatever comes and whenever D1 fails",
    { timeout: 60_000 },
    async ({ expect }) => {
      const reader = new Reader();
      const d1 = moodyD1();
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
          const users = [newUser(), newUser(), newUser()] as const;
          const ships: Promise<unknown>[] = [];
          for (const one of steps)
            if ("mood" in one) d1.mood = one.mood;
            else if ("read" in one) await reader.read(one.read);
            else if ("ship" in one) {
              const ship = runDurableObjectAlarm(userLog(users[one.ship]!));
              // What follows happens while the statement is on its way.
              if (d1.mood === "slow") ships.push(ship);
              else await ship;
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
          await Promise.all(ships);
          for (const user of users) while (await runDurableObjectAlarm(userLog(user)));
          while (await reader.read(7));

          const logs: Answer[] = [];
          for (const user of users) {
            if ((await get(`/users/${user}`)).status === 404) continue;
            for (const event of (await pagesOf(`/users/${user}/events`)).flat()) logs.push({ user_id: user, ...event });
          }
          const read = reader.events.filter(({ user_id }) => users.includes(user_id as string));
          expect(latestOf(read)).toEqual(latestOf(logs));
          const revisions = read.map(({ user_id, seq, revision }) => `${user_id}.${seq}.${revision}`);
          expect(new Set(revisions).size).toBe(revisions.length); // no revision twice
        }),
        { numRuns: 40 },
      );
    },
  );
});
