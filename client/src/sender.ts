import type { Failure, Fault } from "./event.ts";
import type { Queue } from "./queue.ts";

/** The server's limit on events in one request. */
const MAX_BATCH_EVENTS = 500;
/** Requests that outlive a page may have 64 KiB together; a server's may have 1 MiB each. */
const MAX_PAGE_BATCH_BYTES = 60_000;
const MAX_SERVER_BATCH_BYTES = 500_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Back-off: a random time up to a bound that doubles with every failure, from one second to five minutes. */
const MIN_BACK_OFF_MS = 1_000;
const MAX_BACK_OFF_MS = 300_000;
/** A longer `Retry-After` is taken for a mistake and cut to this. */
const MAX_RETRY_AFTER_MS = 3_600_000;

interface Answer {
  results?: { status: string; errors?: Fault[] }[];
  errors?: Fault[];
  detail?: string;
  type?: string;
}

type Batch = [id: string, json: string][];

export interface Sender {
  /** Sends waiting events, one batch after another, until none is left or sending is not allowed. Never rejects. */
  run: () => Promise<void>;
  /** Tries at once in spite of earlier failures, but still waits as long as `Retry-After` asked. */
  hurry: () => void;
  /** Sends as much as fits the quota for requests that outlive the page. */
  sendLast: () => void;
  /** Called if the page lives on after {@link sendLast}: makes unanswered events be sent again. */
  revive: () => void;
}

export function createSender(
  queue: Queue,
  url: string,
  key: string | undefined,
  isPage: boolean,
  lockName: string,
  maySend: () => boolean,
  onReject: (json: string, faults: Fault[]) => void,
  onFailure: (failure: Failure) => void,
): Sender {
  // In a page the key is in the query: a header would cost a preflight for every request, and a beacon cannot have one.
  // On a server it is in a header, so that no log shows it.
  const endpoint = url.replace(/\/*$/, "/track") + (isPage && key ? `?writeKey=${encodeURIComponent(key)}` : "");
  const headers: HeadersInit = !isPage && key ? { Authorization: `Bearer ${key}` } : {};

  /** The events in requests that outlive the page. */
  const away = new Set<string>();
  let limit = MAX_BATCH_EVENTS;
  let failures = 0;
  let isHalted = false;
  let running: Promise<void> | undefined;
  let wake: (() => void) | undefined;
  // Both in milliseconds of performance.now(), which does not jump if the clock is set.
  let askedToWaitUntil = 0;
  let backOffUntil = 0;

  /** The next batch; empty if nothing is left or sending is not allowed. */
  function sendable(): Batch {
    const batch: Batch = [];
    if (isHalted || !maySend()) return batch;
    let bytes = 20; // {"batch":[]}
    for (const entry of queue.waiting) {
      if (away.has(entry[0])) continue;
      bytes += new TextEncoder().encode(entry[1]).length + 1;
      const isFull = batch.length >= limit || bytes > (isPage ? MAX_PAGE_BATCH_BYTES : MAX_SERVER_BATCH_BYTES);
      if (isFull && batch.length > 0) break;
      batch.push(entry);
    }
    return batch;
  }

  /** Sends a batch, and removes from the queue what was answered. Never throws. */
  async function post(batch: Batch, keepalive = false): Promise<void> {
    if (batch.length === 0) return;
    let response: Response | undefined;
    let answer: Answer | undefined;
    try {
      response = await fetch(endpoint, {
        method: "POST",
        body: bodyOf(batch),
        headers,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        // The Workers runtime does not know these fields.
        ...(isPage && { credentials: "omit", keepalive }),
      });
      answer = (await response.json()) as Answer;
    } catch {
      // There was no answer, or one that is not Tracklog's. The status decides below.
    }
    const status = response?.status ?? 0;
    const results = answer?.results;
    // The status is 200, 207, or 400 if all were refused. A portal's or a proxy's 200 has no results and is no receipt.
    if ((status < 300 || status === 400) && results?.length === batch.length) {
      failures = 0;
      limit = Math.min(MAX_BATCH_EVENTS, limit * 2);
      batch.forEach((entry, index) => {
        const { status: verdict, errors } = results[index]!;
        settle(entry, verdict === "rejected" && (errors ?? []));
      });
    } else if ([400, 413, 422].includes(status) || (status === 403 && !answer?.type)) {
      // Tracklog, or a firewall before it, refused the whole body. Halving the batch finds the event at fault and costs
      // no other.
      if (batch.length > 1) limit = Math.ceil(batch.length / 2);
      else settle(batch[0]!, answer?.errors ?? [{ pointer: "", detail: `HTTP ${status}` }]);
    } else {
      const now = performance.now();
      // The key or the address is wrong, which is not the events' fault. They wait for a page or process that has the
      // right one.
      isHalted = status >= 400 && status < 500 && ![408, 425, 429].includes(status);
      const retryAfter = response?.headers.get("Retry-After") ?? "";
      const asked = 1000 * Number(retryAfter) || Date.parse(retryAfter) - Date.now() || 0;
      askedToWaitUntil = now + Math.min(MAX_RETRY_AFTER_MS, asked);
      const backOff = Math.random() * Math.min(MAX_BACK_OFF_MS, MIN_BACK_OFF_MS * 2 ** failures++);
      backOffUntil = Math.max(now, askedToWaitUntil) + backOff;
      onFailure({ status, detail: answer?.detail, retryInMs: isHalted ? null : backOffUntil - now });
    }
  }

  async function postLast(batch: Batch): Promise<void> {
    await post(batch, true);
    for (const [id] of batch) away.delete(id);
    if (sendable().length > 0) await run();
  }

  function settle([id, json]: Batch[number], faults: Fault[] | false) {
    queue.remove(id);
    if (faults) onReject(json, faults);
  }

  async function pause(): Promise<void> {
    for (;;) {
      const ms = Math.max(askedToWaitUntil, backOffUntil) - performance.now();
      if (!(ms > 0) || sendable().length === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  const sendNext = async () => post(sendable());

  async function runAll(): Promise<void> {
    do {
      await pause();
      await (isPage ? oneTabAtATime(lockName, sendNext) : sendNext());
    } while (sendable().length > 0);
    running = undefined; // no await since the queue was last read, so no event is missed
  }

  const run = () => (running ??= runAll());

  return {
    run,
    hurry() {
      isHalted = false;
      backOffUntil = 0;
      wake?.();
    },
    sendLast() {
      const batch = sendable();
      if (batch.length === 0) return;
      for (const [id] of batch) away.add(id);
      if ("keepalive" in Request.prototype) void postLast(batch);
      // For Firefox before 133. A beacon's answer cannot be read, so its events are sent again.
      else navigator.sendBeacon(endpoint, bodyOf(batch));
    },
    revive: () => away.clear(),
  };
}

function bodyOf(batch: Batch): string {
  return `{"batch":[${batch.map(([, json]) => json).join()}]}`;
}

/**
 * Two tabs have the same events, so while one sends, the others wait and learn which were answered. If they cannot, an
 * event that is sent twice is still stored once.
 */
async function oneTabAtATime(name: string, send: () => Promise<void>): Promise<void> {
  const { locks } = navigator as { locks?: LockManager };
  // Pages without TLS have no locks, and sandboxed ones may not use them. A tab that was frozen while holding the lock
  // must not block the others.
  const turn = locks?.request(name, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) }, send);
  await (turn ? turn.catch(send) : send());
}
