import { SDK_REQUESTS } from "../fixtures/sdk-requests.ts";
import { jsonTextOf, mangled } from "./json-text.ts";
import { MAX_MARKED_EVENTS, markOf } from "./marks.ts";
import type { Dice } from "./random.ts";
import { type JsonSchema, sampleOf } from "./sample-of.ts";

const VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1e308,
  2 ** 53,
  "",
  " ",
  "\0",
  "\ud800",
  "undefined",
  "__proto__",
  "2026-02-30",
  "99999-01-01T00:00:00Z",
  "é".repeat(300),
  [],
  {},
  [[[[[]]]]],
  { constructor: 1 },
  { toString: null, valueOf: 1 },
  "NaN",
  ".",
  "a\nb",
  8.64e15 + 1,
  1e10,
  "u".repeat(9_000),
];
const FIELDS = [
  "extra",
  "__proto__",
  "userId",
  "type",
  "timestamp",
  "batch",
  "messageId",
  "event",
  "context",
  "writeKey",
];
/** Fields whose values are never marked, because answers may repeat names, and the envelope must keep its form. */
const STRUCTURE = /^(event|event_name|type|timestamp|originalTimestamp|sentAt|batch|writeKey|message_?id)$/i;
const USER = /^(user_?id|anonymous_?id|groupId|previousId)$/i;

export interface MadeBody {
  text: string;
  isMarkedByEvent: boolean;
}

/** Makes bodies from the description's examples, from its schemas, and from what real SDKs send. */
export class BodyMaker {
  readonly #dice: Dice;
  readonly #index: number;
  readonly #schemas: Record<string, JsonSchema>;

  constructor(dice: Dice, index: number, schemas: Record<string, JsonSchema>) {
    this.#dice = dice;
    this.#index = index;
    this.#schemas = schemas;
  }

  /** The body of a real SDK, with other users and values, and with some faults. */
  ofSdk(): { request: (typeof SDK_REQUESTS)[number]; made: MadeBody } {
    const request = this.#dice.one(SDK_REQUESTS);
    return { request, made: this.#written(this.#grown(structuredClone(request.body))) };
  }

  /** One of the description's examples, or if there is none, a value that the schema allows. */
  described(examples: readonly unknown[], schema: JsonSchema): MadeBody {
    const isShown = examples.length > 0 && this.#dice.hits(0.6);
    const body: unknown = isShown
      ? structuredClone(this.#dice.one(examples))
      : sampleOf(schema, this.#schemas, this.#dice);
    if (typeof body !== "string") return this.#written(this.#grown(body));
    const lines = body.split("\n").flatMap((line) => this.#mutatedLine(line));
    return { text: lines.join("\n"), isMarkedByEvent: false };
  }

  /** Text that is valid JSON according to the grammar, or almost valid. */
  wild(): MadeBody {
    const text = jsonTextOf(this.#dice, markOf(this.#index, 0));
    return { text: this.#dice.hits(0.3) ? mangled(text, this.#dice) : text, isMarkedByEvent: false };
  }

  #mutatedLine(line: string): string[] {
    if (line === "") return [];
    try {
      return [this.#written(JSON.parse(line)).text.replaceAll("\n", " ")];
    } catch {
      return [line];
    }
  }

  /** Sometimes repeats the events of a batch, up to more than are allowed. */
  #grown(body: unknown): unknown {
    const events = eventsOf(body);
    if (!events || events.length === 0 || !this.#dice.hits(0.2)) return body;
    // Large batches are rare, because their answers take long, and a run would do little else.
    const count = this.#dice.hits(0.003) ? 490 + this.#dice.below(20) : this.#dice.below(6);
    const repeated = Array.from({ length: count }, (_, i) => events[i % events.length]);
    return Array.isArray(body) ? repeated : { ...(body as object), batch: repeated };
  }

  #written(body: unknown): MadeBody {
    const dice = this.#dice;
    const share = dice.one([0, 0, 0, 0.01, 0.04, 0.2]);
    const events = eventsOf(body);
    let mutated: unknown;
    if (!events) mutated = this.#mutated(body, 0, share);
    else {
      const own = events.map((event, i) => this.#mutated(event, Math.min(i, MAX_MARKED_EVENTS), share));
      mutated = Array.isArray(body)
        ? own
        : { ...(this.#mutated(body, MAX_MARKED_EVENTS, share) as object), batch: own };
    }
    let text = JSON.stringify(mutated) ?? "";
    if (!dice.hits(0.12)) return { text, isMarkedByEvent: true };
    text = mangled(text, dice);
    return { text, isMarkedByEvent: false };
  }

  /** Marks the values of an event, gives it one of the run's users, and puts faults into a share of its fields. */
  #mutated(body: unknown, event: number, share: number): unknown {
    const dice = this.#dice;
    const mark = event < MAX_MARKED_EVENTS ? markOf(this.#index, event) : "";
    const user = userIdFor(dice, this.#index, mark);
    const visit = (value: unknown, name: string): unknown => {
      if (USER.test(name) && dice.hits(0.95)) return user;
      if (share > 0 && dice.hits(share)) return dice.one(VALUES);
      if (Array.isArray(value)) return value.map((item) => visit(item, ""));
      if (typeof value === "string" && !STRUCTURE.test(name) && dice.hits(0.5)) return `${value.slice(0, 40)}${mark}`;
      if (/^(timestamp|originalTimestamp)$/.test(name) && dice.hits(0.5)) return recent(dice);
      if (typeof value !== "object" || value === null) return value;
      const entries = Object.entries(value).filter(() => !(share > 0 && dice.hits(share)));
      if (share > 0 && dice.hits(share * 2)) entries.push([dice.one(FIELDS), dice.one(VALUES)]);
      if (name === "properties" || name === "traits") entries.push(["mark", mark]);
      return Object.fromEntries(entries.map(([key, child]) => [key, visit(child, key)]));
    };
    return visit(body, "");
  }
}

function eventsOf(body: unknown): unknown[] | null {
  if (Array.isArray(body)) return body as unknown[];
  const { batch } = (body ?? {}) as { batch?: unknown };
  return Array.isArray(batch) ? (batch as unknown[]) : null;
}

/** The local runtime keeps some memory for every object that it has ever had, so a run uses the same users again. */
const SHARED_USERS = 60;
const NEW_USERS = 400;

/** Chooses a user: one that many requests share, one that sends too much, or a new one. */
export function userIdFor(dice: Dice, index: number, mark: string): string {
  if (dice.hits(0.9)) return `u${dice.below(SHARED_USERS)}`;
  if (dice.hits(0.4)) return "hot";
  return dice.hits(0.02) ? `n${index}${mark}` : `n${index % NEW_USERS}`;
}

function recent(dice: Dice): unknown {
  const at = Date.UTC(2026, 0, 1) + dice.below(300 * 86_400) * 1_000;
  return dice.one<unknown>([new Date(at).toISOString(), at, at / 1_000, new Date(at).toISOString().slice(0, 10)]);
}
