import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "../fuzz-run/random.ts";
import type { FeedLine, StoredEvent } from "./model/entry.ts";
import type { Recorder } from "./recorder.ts";
import type { Answered, ServerUnderTest } from "./server-under-test.ts";

const MAX_LIMIT = 60;

type Row = StoredEvent & { user_id: string; generation: number };
type Page = { lines: FeedLine[]; cursor: string; isEnd: boolean };

/** Follows the feed from a cursor, as pages or as lines. If the cursor is gone, it starts again from the beginning. */
export class FeedReader {
  readonly #name: string;
  readonly #server: ServerUnderTest;
  readonly #recorder: Recorder;
  readonly #dice: Dice;
  readonly #asLines: boolean;
  #cursor = "";
  #epoch = 1;

  constructor(name: string, server: ServerUnderTest, recorder: Recorder, dice: Dice, asLines: boolean) {
    this.#name = name;
    this.#server = server;
    this.#recorder = recorder;
    this.#dice = dice;
    this.#asLines = asLines;
  }

  /** Reads until the run is over. Sometimes it starts again from the beginning without a reason, or pauses for a while. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const isAtEnd = await this.#read();
      if (this.#dice.hits(0.005)) this.#beginAnew();
      if (isAtEnd) await sleep(this.#dice.below(this.#dice.hits(0.1) ? 4_000 : 400));
    }
  }

  /** Reads to the feed's end. Returns whether it got there in time. */
  async readToEnd(maxMs: number): Promise<boolean> {
    const end = performance.now() + maxMs;
    while (performance.now() < end) if (await this.#read()) return true;
    return false;
  }

  /** Reads one page, or all lines. Returns whether this was the feed's end. */
  async #read(): Promise<boolean> {
    const { invoked, isFirst, epoch } = {
      invoked: this.#recorder.now(),
      isFirst: this.#cursor === "",
      epoch: this.#epoch,
    };
    const limit = this.#asLines ? "" : `&limit=${1 + this.#dice.below(MAX_LIMIT)}`;
    const headers: Record<string, string> = this.#asLines ? { Accept: "application/x-ndjson" } : {};
    const answered = await this.#server.ask("GET", `/events?after=${this.#cursor}${limit}`, { headers });
    const isGone = answered?.status === 410;
    const page = isGone ? null : this.#pageOf(answered);
    const told = { kind: "feed", client: this.#name, reader: this.#name, epoch, isFirst } as const;
    this.#recorder.note(invoked, {
      ...told,
      answer: isGone ? "gone" : page && { lines: page.lines, isEnd: page.isEnd },
    });
    if (isGone) this.#beginAnew();
    if (!page) {
      await sleep(this.#dice.below(300));
      return false;
    }
    this.#cursor = page.cursor;
    return page.isEnd;
  }

  #beginAnew(): void {
    this.#cursor = "";
    this.#epoch++;
  }

  #pageOf(answered: Answered): Page | null {
    if (!answered || answered.status !== 200) return null;
    if (!this.#asLines) {
      const { events, erased, next_cursor, more } = answered.body as unknown as {
        events: Row[];
        erased: { user_id: string; generation: number }[];
        next_cursor: string;
        more: boolean;
      };
      return { lines: inOrderOfCopy(events, erased), cursor: next_cursor, isEnd: !more };
    }
    const lines = answered.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const last = lines.pop();
    if (last?.["end"] === undefined) return null;
    return { lines: lines.map(lineOf), cursor: String(last["cursor"]), isEnd: last["end"] === true };
  }
}

/** A page lists events and erasures separately. A copy may apply them in this order, because an erased log never returns. */
function inOrderOfCopy(events: Row[], erased: { user_id: string; generation: number }[]): FeedLine[] {
  return [
    ...events.map((row) => lineOf(row as unknown as Record<string, unknown>)),
    ...erased.map(({ user_id, generation }) => ({ kind: "erasure" as const, user: user_id, generation })),
  ];
}

function lineOf(line: Record<string, unknown>): FeedLine {
  const { cursor: _, user_id, erased, generation, ...stored } = line;
  if (typeof erased === "string") return { kind: "erasure", user: erased, generation: Number(generation) };
  return {
    kind: "event",
    user: String(user_id),
    generation: Number(generation),
    stored: stored as unknown as StoredEvent,
  };
}
