import { LIVE_FLUSH_MS, MAX_LIVE_EVENTS_PER_SECOND } from "../limits.ts";
import { PerSecond } from "./per-second.ts";

/** What one viewer gets next. */
interface Pending {
  lines: string[];
  leftOut: number;
  second: PerSecond;
}

/** Gathers the lines of each viewer for a moment, so that many events make one message. */
export class Outbox {
  readonly #pending = new Map<WebSocket, Pending>();
  #isDue = false;

  /** Sends a line about an event, unless the viewer had as many as a page can show in this second. */
  addEvent(viewer: WebSocket, line: string, now: number): void {
    const pending = this.#pendingOf(viewer);
    if (pending.second.take(now, 1) === 1) pending.lines.push(line);
    else pending.leftOut++;
  }

  addLine(viewer: WebSocket, line: string): void {
    this.#pendingOf(viewer).lines.push(line);
  }

  addLeftOut(viewer: WebSocket, events: number): void {
    if (events > 0) this.#pendingOf(viewer).leftOut += events;
  }

  forget(viewer: WebSocket): void {
    this.#pending.delete(viewer);
  }

  #pendingOf(viewer: WebSocket): Pending {
    let pending = this.#pending.get(viewer);
    if (!pending) {
      pending = { lines: [], leftOut: 0, second: new PerSecond(MAX_LIVE_EVENTS_PER_SECOND) };
      this.#pending.set(viewer, pending);
    }
    if (!this.#isDue) setTimeout(() => this.#flush(), LIVE_FLUSH_MS);
    this.#isDue = true;
    return pending;
  }

  #flush(): void {
    this.#isDue = false;
    for (const [viewer, pending] of this.#pending) {
      if (pending.leftOut > 0) pending.lines.push(JSON.stringify({ type: "left_out", events: pending.leftOut }));
      if (pending.lines.length > 0) send(viewer, pending.lines.join("\n"));
      pending.lines = [];
      pending.leftOut = 0;
    }
  }
}

/** A viewer may have gone a moment ago; the platform tells of it in its own time. */
function send(viewer: WebSocket, message: string): void {
  try {
    viewer.send(message);
  } catch {
    // Nobody is there to be told.
  }
}
