import { attempt } from "./attempt.ts";
import type { AnyEvents, DropReason, EventMap, Failure, Fault, SentEvent } from "./event.ts";
import { messageId } from "./message-id.ts";
import { openQueue } from "./queue.ts";
import { createSender } from "./sender.ts";

/** Whether events are sent, kept in memory until that is decided, or dropped. */
export type Consent = "send" | "queue" | "drop";

export interface Options {
  /** Tracklog's address: `https://tracklog.<you>.workers.dev`. */
  url: string;
  /** A write key. */
  key?: string | undefined;
  /** The user of events that name none themselves; `identify` changes it. */
  userId?: string | undefined;
  /**
   * The user of events while nobody is identified. True: a random id, kept in localStorage and never in a cookie. A
   * text: an id of your own. After `identify` it is sent as `context.anonymousId`.
   */
  anonymousId?: boolean | string | undefined;
  /**
   * Default: "send", or "drop" if the browser sends the Global Privacy Control signal. A value given here has
   * precedence.
   */
  consent?: Consent | undefined;
  /** How long an event waits for others to be sent with it, in milliseconds. Default: 1,000. */
  flushAfterMs?: number | undefined;
  /** How many events may wait. A further one is dropped. Default: 5,000. */
  maxQueueEvents?: number | undefined;
  /**
   * How many characters they may have together, as JSON. Default: 2,000,000, of the about 5 million that a site may
   * store.
   */
  maxQueueCharacters?: number | undefined;
  /** Clients with the same name share their waiting events, in all tabs. Default: the url. */
  queueName?: string | undefined;
  /** Called with each event that the server refuses, and the reasons. Default: writes to the console. */
  onReject?: ((event: SentEvent, faults: Fault[]) => void) | undefined;
  /**
   * Called with each event that will never be sent, and the reason. Default: writes to the console, except for missing
   * consent.
   */
  onDrop?: ((event: SentEvent, reason: DropReason) => void) | undefined;
  /** Called for each failed request. Default: writes to the console those that are not tried again. */
  onFailure?: ((failure: Failure) => void) | undefined;
}

export interface CallOptions {
  userId?: string | undefined;
  /** When it happened. Default: now. */
  timestamp?: Date | string | number | undefined;
  context?: Record<string, unknown> | undefined;
}

/** Properties may be omitted if none of them is required. */
type Arguments<Properties> = {} extends Properties
  ? [properties?: Properties, options?: CallOptions]
  : [properties: Properties, options?: CallOptions];

/** None of the functions throws or rejects, and none needs `this`. */
export interface Client<Events extends EventMap<Events> = AnyEvents> {
  track: <Name extends keyof Events & string>(event: Name, ...rest: Arguments<Events[Name]>) => void;
  /** Makes this user the user of later events. Sends the event "identify" with the traits as properties. */
  identify: (userId: string, traits?: Record<string, unknown>, options?: CallOptions) => void;
  /** Sends the event "page"; in a browser with the page's url, path, search, title and referrer. */
  page: (name?: string, properties?: Record<string, unknown>, options?: CallOptions) => void;
  /** Forgets the user and the anonymous id, as at a logout. Waiting events keep their user. */
  reset: () => void;
  /** Changes the consent. "drop" also drops waiting events and forgets the anonymous id. */
  consent: (consent: Consent) => void;
  /**
   * Sends all waiting events now.
   * @returns true if none waits any more; false if that took longer than `timeoutMs` (10,000) or sending is not allowed
   */
  flush: (timeoutMs?: number) => Promise<boolean>;
  /** Accepts no more events, and flushes. Drops what is left after that, unless it is in a page's storage. */
  shutdown: (timeoutMs?: number) => Promise<boolean>;
  /** How many events were dropped. `onDrop` was called for each of them. */
  readonly dropped: number;
}

/** A batch of this size is sent without waiting for more events. */
const FULL_BATCH_EVENTS = 100;

/** When to send events of other tabs, which normally send them themselves unless they have died by then. */
const TAKE_OVER_AFTER_MS = 30_000;

/** Makes a client. It sends nothing and starts no timer before the first event. */
export function createClient<Events extends EventMap<Events> = AnyEvents>(options: Options): Client<Events> {
  const { url, key, flushAfterMs = 1_000, maxQueueEvents = 5_000, maxQueueCharacters = 2_000_000 } = options;
  const { queueName = url, onReject = warn, onDrop = warnOfLoss, onFailure = warnOfHalt } = options;
  const isPage = typeof document !== "undefined";
  const storage = isPage ? attempt(() => localStorage) : undefined;
  const lockName = `tracklog:${queueName}`;
  const idKey = `tracklog-id:${queueName}`;
  const life = new AbortController();
  const { signal } = life;

  let { userId } = options;
  let consent: Consent | undefined;
  let anonymousId: string | undefined;
  let isClosed = false;
  let dropped = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isDueAt = Infinity;

  const queue = openQueue(
    storage,
    lockName + ":",
    maxQueueEvents,
    maxQueueCharacters,
    () => schedule(TAKE_OVER_AFTER_MS),
    signal,
  );
  const sender = createSender(
    queue,
    url,
    key,
    isPage,
    lockName,
    () => consent === "send",
    (json, faults) => tell(() => onReject(JSON.parse(json) as SentEvent, faults)),
    (failure) => tell(() => onFailure(failure)),
  );

  function schedule(ms: number) {
    const dueAt = performance.now() + ms;
    if (consent !== "send" || dueAt >= isDueAt) return;
    isDueAt = dueAt;
    clearTimeout(timer);
    timer = setTimeout(() => {
      isDueAt = Infinity;
      void sender.run();
    }, ms);
  }

  const scheduleIfAny = () => queue.waiting.size > 0 && schedule(flushAfterMs);

  function drop(event: SentEvent | string, reason: DropReason) {
    dropped++;
    tell(() => onDrop(typeof event === "string" ? (JSON.parse(event) as SentEvent) : event, reason));
  }

  function dropAll(reason: DropReason, isSpared?: (id: string) => boolean) {
    for (const [id, json] of queue.waiting) {
      if (isSpared?.(id)) continue;
      queue.remove(id);
      drop(json, reason);
    }
  }

  function anonymous(): string | undefined {
    if (options.anonymousId !== true) return options.anonymousId || undefined;
    anonymousId ??= attempt(() => storage?.getItem(idKey)) ?? messageId();
    if (consent === "send") attempt(() => storage?.setItem(idKey, anonymousId!));
    return anonymousId;
  }

  function forgetAnonymous() {
    anonymousId = undefined;
    attempt(() => storage?.removeItem(idKey));
  }

  function setConsent(next: Consent) {
    consent = next;
    queue.persist(next === "send");
    if (next === "drop") {
      dropAll("consent");
      forgetAnonymous();
    }
    scheduleIfAny();
  }

  function send(name: string, properties: object = {}, call: CallOptions = {}) {
    const anonymousOne = anonymous();
    const known = call.userId || userId;
    const context = known && anonymousOne ? { anonymousId: anonymousOne, ...call.context } : call.context;
    const event: SentEvent = {
      event: name,
      user_id: (known || anonymousOne)!,
      timestamp: (call.timestamp ?? new Date()) as string, // JSON.stringify turns a Date into text
      message_id: messageId(),
      properties: properties as Record<string, unknown>,
      context: context!,
    };
    const json = attempt(() => JSON.stringify(event));
    if (isClosed) drop(event, "closed");
    else if (!json) drop(event, "unserializable");
    else if (consent === "drop") drop(event, "consent");
    else if (!queue.add(event.message_id, json)) drop(event, "full");
    else schedule(queue.waiting.size < FULL_BATCH_EVENTS ? flushAfterMs : 0);
  }

  async function flush(timeoutMs = 10_000): Promise<boolean> {
    clearTimeout(timer);
    isDueAt = Infinity;
    sender.hurry();
    let timeout;
    const isOver = new Promise<void>((resolve) => {
      timeout = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([sender.run(), isOver]);
    clearTimeout(timeout);
    return queue.waiting.size === 0;
  }

  if (isPage) {
    addEventListener("online", sender.hurry, { signal });
    addEventListener("pagehide", sender.sendLast, { signal });
    document.addEventListener(
      "visibilitychange",
      () => {
        if (document.visibilityState === "hidden") return sender.sendLast();
        sender.revive();
        scheduleIfAny();
      },
      { signal },
    );
  }

  setConsent(options.consent ?? (isPage && (navigator as PrivateNavigator).globalPrivacyControl ? "drop" : "send"));

  return {
    track: (name, ...[properties, call]) => send(name, properties, call),
    identify(id, traits, call) {
      userId = id;
      send("identify", traits, call);
    },
    page: (name, properties, call) =>
      send("page", { ...(isPage && placeOf()), ...(name === undefined ? {} : { name }), ...properties }, call),
    reset() {
      userId = undefined;
      forgetAnonymous();
    },
    consent: setConsent,
    flush,
    async shutdown(timeoutMs) {
      isClosed = true;
      const isDone = await flush(timeoutMs);
      life.abort();
      consent = undefined;
      dropAll("closed", queue.isStored);
      sender.hurry(); // ends its wait
      return isDone;
    },
    get dropped() {
      return dropped;
    },
  };
}

/** https://w3c.github.io/gpc, which TypeScript does not know. */
type PrivateNavigator = Navigator & { globalPrivacyControl?: boolean };

function placeOf() {
  const { href, pathname, search } = location;
  return { url: href, path: pathname, search, title: document.title, referrer: document.referrer };
}

/** Catches what a callback throws, so that it does not stop the sending of other events. */
function tell(callback: () => void) {
  try {
    callback();
  } catch (error) {
    console.error(error);
  }
}

function warn(event: SentEvent, why: Fault[] | string) {
  console.warn("Tracklog did not store", event, why);
}

function warnOfLoss(event: SentEvent, reason: DropReason) {
  if (reason !== "consent") warn(event, reason);
}

function warnOfHalt(failure: Failure) {
  if (failure.retryInMs === null) console.error("Tracklog stopped sending", failure);
}
