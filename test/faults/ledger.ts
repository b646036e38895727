/** An event as it was sent, and its answer. The server must have it in the end. */
export interface SentEvent {
  event: string;
  user_id: string;
  timestamp: string;
  properties: Record<string, unknown>;
}

export interface LedgerEntry {
  /** The event that the server must have, with the properties of every answered update. */
  sent: SentEvent;
  seq: number;
  revision: number;
}

interface Answer {
  status: string;
  seq: number;
  revision: number;
}

/** Everything that was answered 2xx, by user. It finds only faults that an answer alone shows. */
export class Ledger {
  readonly users = new Map<string, Map<string, LedgerEntry>>();
  /** Users whose erasure was answered. Events that were answered since are in `users`. */
  readonly erased = new Set<string>();
  readonly violations: string[] = [];
  answered = 0;
  /** How often each status was the answer to an event that was sent again because its first answer was lost. */
  readonly retried = { created: 0, duplicate: 0, updated: 0 };

  /** @param wasRetried whether an earlier attempt to send it had no answer */
  note(sent: SentEvent, { status, seq, revision }: Answer, wasRetried: boolean): void {
    this.answered++;
    const user = this.users.get(sent.user_id) ?? new Map<string, LedgerEntry>();
    this.users.set(sent.user_id, user);
    const known = user.get(sent.timestamp);
    const expected = known ? "updated" : "created";
    if (status !== expected && !(wasRetried && status === "duplicate"))
      this.violations.push(`${label(sent)} was answered as ${status}, not ${expected}`);
    if (known && known.seq !== seq) this.violations.push(`${label(sent)} changed its seq from ${known.seq} to ${seq}`);
    if (wasRetried) this.retried[status as keyof Ledger["retried"]]++;
    const properties = { ...known?.sent.properties, ...sent.properties };
    user.set(sent.timestamp, { sent: { ...sent, properties }, seq, revision });
  }
}

export function label({ user_id, timestamp }: Pick<SentEvent, "user_id" | "timestamp">): string {
  return `event ${timestamp} of ${user_id}`;
}
