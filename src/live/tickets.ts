import { LIVE_TICKET_MS, MAX_LIVE_TICKETS } from "../limits.ts";

/**
 * Tickets that let a page open its WebSocket. A browser cannot send a key in a header with one, and an address with a
 * key would end up in histories and logs. A ticket opens one socket, once, within LIVE_TICKET_MS. Tickets are stored on
 * disk, since the object may be evicted before they are used.
 */
export class Tickets {
  readonly #kv: SyncKvStorage;

  constructor(kv: SyncKvStorage) {
    this.#kv = kv;
  }

  /** Makes a ticket. If there are already MAX_LIVE_TICKETS, the oldest are removed. */
  issue(now: number): { ticket: string; expiresAt: number } {
    const open = [...this.#kv.list<number>({ prefix: "ticket:" })].sort(([, a], [, b]) => a - b);
    open.forEach(([name, expiresAt], index) => {
      if (expiresAt <= now || open.length - index >= MAX_LIVE_TICKETS) this.#kv.delete(name);
    });
    const ticket = [...crypto.getRandomValues(new Uint8Array(24))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
    const expiresAt = now + LIVE_TICKET_MS;
    this.#kv.put(`ticket:${ticket}`, expiresAt);
    return { ticket, expiresAt };
  }

  /** Whether this ticket may open a socket. It cannot be used again. */
  redeem(ticket: string, now: number): boolean {
    const name = `ticket:${ticket}`;
    const expiresAt = this.#kv.get<number>(name);
    if (expiresAt === undefined) return false;
    this.#kv.delete(name);
    return expiresAt > now;
  }
}
