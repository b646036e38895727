import { ask } from "../key.js";

const MAX_SHOWN = 500;
const MAX_HELD_WHILE_PAUSED = 1_000;
const PING_MS = 30_000;
const MAX_WAIT_MS = 10_000;

/**
 * Receives events as they arrive. It reconnects when the connection is lost, and keeps the newest events. While paused
 * it holds them back. Calls `onChange` when the page has to be drawn again.
 */
export class LiveStream {
  /** "connecting", "open", "lost" or "refused". */
  status = "connecting";
  /** Why it was refused. */
  refusal = null;
  isPaused = false;
  /** Newest first: verdicts, and gaps as {type: "gap", id, text}. */
  entries = [];
  held = [];
  /** Events that were too many to be shown. */
  leftOut = 0;
  /** Events that were dropped while paused. */
  dropped = 0;
  /** When each event of the last minute arrived, and whether it was rejected. */
  recent = [];

  #filter;
  #onChange;
  #socket = null;
  #failures = 0;
  #lostAt = null;
  #gaps = 0;

  constructor(filter, onChange) {
    this.#filter = filter;
    this.#onChange = onChange;
  }

  async connect() {
    this.refusal = null;
    this.status = this.status === "refused" ? "connecting" : this.status;
    this.#onChange();
    try {
      const { ticket } = await ask("/live/ticket", { method: "POST" });
      const query = new URLSearchParams({ ...this.#filter, ticket });
      this.#open(new WebSocket(`${location.origin.replace(/^http/, "ws")}/live?${query}`));
    } catch (refusal) {
      if (refusal.needsKey) {
        this.status = "refused";
        this.refusal = refusal;
        this.#onChange();
      } else this.#retry();
    }
  }

  #open(socket) {
    this.#socket = socket;
    // Only sending something reveals a connection that broke silently.
    const pings = setInterval(() => socket.readyState === WebSocket.OPEN && socket.send("ping"), PING_MS);
    const { search } = new URL(socket.url);
    socket.addEventListener("open", () => {
      this.status = "open";
      this.#failures = 0;
      this.#noteGap();
      // The filter may have changed while the page waited for the ticket.
      if (!search.startsWith(`?${new URLSearchParams(this.#filter)}`)) this.setFilter(this.#filter);
      this.#onChange();
    });
    socket.addEventListener("message", ({ data }) => data !== "pong" && this.#receive(data));
    socket.addEventListener("close", () => {
      clearInterval(pings);
      this.#retry();
    });
  }

  #retry() {
    if (this.status === "open") this.#lostAt = Date.now();
    this.status = "lost";
    this.#onChange();
    const wait = Math.min(MAX_WAIT_MS, 500 * 2 ** this.#failures++);
    setTimeout(() => this.connect(), wait * (0.5 + Math.random() / 2));
  }

  #noteGap() {
    if (this.#lostAt === null) return;
    const seconds = Math.max(1, Math.round((Date.now() - this.#lostAt) / 1_000));
    this.#lostAt = null;
    this.#add([
      {
        type: "gap",
        id: `gap-${this.#gaps++}`,
        text: `The connection was lost for ${seconds} s. Events that arrived meanwhile are not shown.`,
      },
    ]);
  }

  setFilter(filter) {
    this.#filter = filter;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(filter));
  }

  setPaused(isPaused) {
    this.isPaused = isPaused;
    if (!isPaused) {
      const held = this.held;
      this.held = [];
      if (this.dropped > 0)
        held.push({
          type: "gap",
          id: `gap-${this.#gaps++}`,
          text: `${this.dropped} more arrived while the view was paused and were not kept.`,
        });
      this.dropped = 0;
      this.#add(held);
    }
    this.#onChange();
  }

  clear() {
    this.entries = [];
    this.held = [];
    this.leftOut = 0;
    this.dropped = 0;
    this.#onChange();
  }

  #receive(message) {
    const verdicts = [];
    for (const text of message.split("\n")) {
      const line = JSON.parse(text);
      if (line.type === "verdict") verdicts.unshift({ ...line, raw: text });
      else if (line.type === "left_out") this.leftOut += line.events;
      else if (line.type === "d1") this.#noteD1(line);
    }
    const now = Date.now();
    for (const { verdict } of verdicts) this.recent.push({ at: now, isRejected: verdict === "rejected" });
    this.recent = this.recent.filter(({ at }) => now - at < 60_000).slice(-20_000);
    if (this.isPaused) {
      this.held = [...verdicts, ...this.held];
      this.dropped += Math.max(0, this.held.length - MAX_HELD_WHILE_PAUSED);
      this.held.length = Math.min(this.held.length, MAX_HELD_WHILE_PAUSED);
    } else this.#add(verdicts);
    this.#onChange();
  }

  #add(entries) {
    this.entries = [...entries, ...this.entries].slice(0, MAX_SHOWN);
  }

  #noteD1({ id, d1_ms }) {
    const withLag = (entry) => (entry.id === id ? { ...entry, d1_ms } : entry);
    this.entries = this.entries.map(withLag);
    this.held = this.held.map(withLag);
  }
}
