import { setTimeout as sleep } from "node:timers/promises";
import type { Unread } from "./unread.ts";

const FEED_PAUSE_MS = 1_000;

/** Reads the feed continuously, like a program that copies events elsewhere. After the signal it reads once more and ends. */
export async function readFeed(url: URL, unread: Unread, signal: AbortSignal): Promise<void> {
  let after = "";
  for (;;) {
    const isOver = signal.aborted;
    for (let more = true; more;) {
      const answer = await fetch(new URL(`/events?limit=500&after=${encodeURIComponent(after)}`, url));
      if (!answer.ok) throw new Error(`GET /events answered ${answer.status} ${await answer.text()}`);
      const page = (await answer.json()) as { events: { timestamp: string }[]; next_cursor: string; more: boolean };
      for (const { timestamp } of page.events) unread.read(timestamp);
      after = page.next_cursor;
      ({ more } = page);
    }
    if (isOver) return;
    await sleep(FEED_PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}

export interface Watched {
  verdicts: number;
  leftOut: number;
  /** Why it ended before the signal. Null if it did not. */
  broken: string | null;
}

/** Watches the live view until the signal. */
export async function watchLive(url: URL, signal: AbortSignal): Promise<Watched> {
  const watched: Watched = { verdicts: 0, leftOut: 0, broken: null };
  try {
    const answer = await fetch(new URL("/live", url), { headers: { Accept: "application/x-ndjson" }, signal });
    let rest = "";
    for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop()!;
      for (const line of lines.filter(Boolean)) {
        const { type, events } = JSON.parse(line) as { type: string; events?: number };
        if (type === "verdict") watched.verdicts++;
        if (type === "left_out") watched.leftOut += events!;
      }
    }
    watched.broken = `the stream ended with status ${answer.status}`;
  } catch (error) {
    if (!signal.aborted) watched.broken = String(error);
  }
  return watched;
}
