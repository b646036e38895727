import { LIVE_FLUSH_MS, MAX_LIVE_EVENTS_PER_SECOND } from "../limits.ts";
import { PerSecond } from "./per-second.ts";

/** What is to be sent to one viewer next. */
interface Pending {
  lines: string[];
  leftOut: number;
  second: PerSecond;
}

/** Gathers each viewer's lines for LIVE_FLUSH_MS, so that many events make one message. */
export class Outbox {
  readonly #pending = new Map<WebSocket, Pending>();
  #isDue = false;

  /**
   * Adds a line about an event, unless the viewer has had MAX_LIVE_EVENTS_PER_SECOND in this second. Then it only
   * counts.
   */
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

/** The platform may report only later that a viewer has left, so sending may fail. */
function send(viewer: WebSocket, message: string): void {
  try {
    viewer.send(message);
  } catch {
    // There is nobody to send to.
  }
}
