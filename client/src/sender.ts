import type { Failure, Fault } from "./event.ts";
import type { Queue } from "./queue.ts";

/** A request holds up to 500 events. */
const MAX_BATCH_EVENTS = 500;
/** A page's requests that outlive it may have 64 KiB together; a server's may have 1 MiB each. */
const MAX_PAGE_BATCH_BYTES = 60_000;
const MAX_SERVER_BATCH_BYTES = 500_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Back-off: a random time up to a bound, which doubles with every failure from a second to five minutes. */
const MIN_BACK_OFF_MS = 1_000;
const MAX_BACK_OFF_MS = 300_000;
/** A server's `Retry-After` beyond this is taken for a mistake. */
const MAX_RETRY_AFTER_MS = 3_600_000;

interface Answer {
  results?: { status: string; errors?: Fault[] }[];
  errors?: Fault[];
  detail?: string;
  type?: string;
}

type Batch = [id: string, json: string][];

export interface Sender {
  /** Sends what waits, one batch after another, until nothing is left or nothing may be sent. */
  run: () => Promise<void>;
  /** Tries at once, although the last tries failed; what `Retry-After` asked for is waited for all the same. */
  hurry: () => void;
  /** Sends what fits the quota of requests that outlive the page. */
  sendLast: () => void;
  /** The page lives on after {@link sendLast}: what has no answer yet is sent again. */
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
  // A header would cost a page a preflight for every request, and a beacon has none; a server's logs should not have keys.
  const endpoint = url.replace(/\/*$/, "/track") + (isPage && key ? `?writeKey=${encodeURIComponent(key)}` : "");
  const headers: HeadersInit = !isPage && key ? { Authorization: `Bearer ${key}` } : {};

  /** Events in requests that were made to outlive the page. */
  const away = new Set<string>();
  let limit = MAX_BATCH_EVENTS;
  let failures = 0;
  let isHalted = false;
  let running: Promise<void> | undefined;
  let wake: (() => void) | undefined;
  // On the clock that nobody sets.
  let askedToWaitUntil = 0;
  let backOffUntil = 0;

  /** The next batch, empty where nothing is left or nothing may be sent. */
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

  /** Sends a batch; takes from the queue what was answered. Never throws. */
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
        // Workers do not know these fields.
        ...(isPage && { credentials: "omit", keepalive }),
      });
      answer = (await response.json()) as Answer;
    } catch {
      // No answer, or none of Tracklog's: what the status says below decides.
    }
    const status = response?.status ?? 0;
    const results = answer?.results;
    // 200, 207, or 400 where all were refused. A portal's or a proxy's 200 is no receipt.
    if ((status < 300 || status === 400) && results?.length === batch.length) {
      failures = 0;
      limit = Math.min(MAX_BATCH_EVENTS, limit * 2);
      batch.forEach((entry, index) => {
        const { status: verdict, errors } = results[index]!;
        settle(entry, verdict === "rejected" && (errors ?? []));
      });
    } else if ([400, 413, 422].includes(status) || (status === 403 && !answer?.type)) {
      // The body as a whole, to Tracklog or to a firewall before it. Halving finds the event that it is, and costs no other.
      if (batch.length > 1) limit = Math.ceil(batch.length / 2);
      else settle(batch[0]!, answer?.errors ?? [{ pointer: "", detail: `HTTP ${status}` }]);
    } else {
      const now = performance.now();
      // A wrong key or address. It is no fault of the events: they wait for the page, or the process, that has it right.
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
    running = undefined; // with no await since the last look at the queue
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
      // For Firefox before 133. What a beacon was answered nobody hears, so its events are sent again.
      else navigator.sendBeacon(endpoint, bodyOf(batch));
    },
    revive: () => away.clear(),
  };
}

function bodyOf(batch: Batch): string {
  return `{"batch":[${batch.map(([, json]) => json).join()}]}`;
}

/**
 * Two tabs have the same events: while one sends, the others wait, and hear what it was answered. Where they cannot, an
 * event that is sent twice is still stored once.
 */
async function oneTabAtATime(name: string, send: () => Promise<void>): Promise<void> {
  const { locks } = navigator as { locks?: LockManager };
  // Pages without TLS have none, and sandboxed ones may not use them. A tab that was frozen with the lock in its hand must
  // not hold up the others.
  const turn = locks?.request(name, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) }, send);
  await (turn ? turn.catch(send) : send());
}
