import * as fc from "fast-check";
import { describe, it } from "vitest";
import type { Verdict } from "../../src/user/record-event.ts";
import { newUser, tracked, userLog } from "../tracklog.ts";

interface Sent {
  event: string;
  timestamp: number;
  messageId: string;
  properties: Record<string, unknown>;
  context: Record<string, unknown>;
}

interface Stored {
  event: string;
  timestamp: number;
  seq: number;
  revision: number;
  fields: Map<string, unknown>;
  /** The texts of all versions that were merged into it. */
  versions: Set<string>;
}

/** The log as a plain map from identity to event. It follows the README and ignores how events are stored. */
class LogModel {
  readonly #events = new Map<string, Stored>();

  record({ event, timestamp, messageId, properties, context }: Sent): Verdict {
    const identity = JSON.stringify([timestamp, event, messageId]);
    const stored = this.#events.get(identity);
    const sent = fieldsOf(properties, context);
    const version = JSON.stringify([properties, context]);
    if (!stored) {
      const late = [...this.#events.values()].some((other) => other.timestamp > timestamp);
      const seq = this.#events.size + 1;
      this.#events.set(identity, { event, timestamp, seq, revision: 1, fields: sent, versions: new Set([version]) });
      return { status: "created", seq, revision: 1, late };
    }
    const merged = new Map([...stored.fields, ...sent]);
    const isNew = textOf(merged) !== textOf(stored.fields) && !stored.versions.has(version);
    if (isNew) {
      stored.fields = merged;
      stored.versions.add(version);
      stored.revision++;
    }
    return { status: isNew ? "updated" : "duplicate", seq: stored.seq, revision: stored.revision };
  }

  timeline() {
    return [...this.#events.values()]
      .sort((a, b) => a.timestamp - b.timestamp || a.seq - b.seq)
      .map(({ event, timestamp, seq, revision, fields }) => ({
        event,
        timestamp,
        seq,
        revision,
        fields: textOf(fields),
      }));
  }
}

function fieldsOf(properties: object, context: object): Map<string, unknown> {
  const all = Object.entries({ properties, context });
  return new Map(
    all.flatMap(([part, fields]) => Object.entries(fields).map(([key, value]) => [`${part}.${key}`, value])),
  );
}

/** A text that is the same for equal fields in any order. */
function textOf(fields: Map<string, unknown>): string {
  return JSON.stringify([...fields].sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("G2, G3: a user's log", () => {
  const key = fc.constantFrom("a", "b", "__proto__", "constructor");
  const object = fc.array(fc.tuple(key, fc.constantFrom(1, 2, "1", null, [1]))).map((o) => Object.fromEntries(o));
  // Each field has few values, so that events often have the same identity.
  const sent: fc.Arbitrary<Sent> = fc.record({
    event: fc.constantFrom("x", "y"),
    timestamp: fc.constantFrom(0, 1_000, 2_000, 3_000),
    messageId: fc.constantFrom("", "m"),
    properties: object,
    context: object,
  });
  const request = fc.array(sent, { minLength: 1, maxLength: 8 });

  it("does the same as a plain map from identity to event, for any history", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 5 }), async (history) => {
        const model = new LogModel();
        const user = newUser();
        const log = userLog(user);
        for (const events of history) {
          const recorded = await log.record(
            events.map((event) => tracked({ ...event, userId: user })),
            null,
          );
          expect(recorded).toEqual({ status: "recorded", verdicts: events.map((event) => model.record(event)) });
        }
        const { events } = (await log.timeline({ order: "asc", limit: 500 }))!;
        const stored = events.map(({ event, timestamp, seq, revision, properties, context }) => {
          const fields = fieldsOf(JSON.parse(properties) as object, JSON.parse(context) as object);
          return { event, timestamp, seq, revision, fields: textOf(fields) };
        });
        expect(stored).toEqual(model.timeline());
      }),
      { numRuns: 60 },
    );
  });
});
