/**
 * Every limit of Tracklog, its unit in the name and its reason beside it.
 *
 * "Characters" are Unicode code points; bytes are those of the UTF-8 text after decompression.
 */

// The contract's own bounds: they are part of the documented API.
export const MAX_EVENT_NAME_CHARACTERS = 200;
export const MAX_USER_ID_CHARACTERS = 256;
export const MAX_MESSAGE_ID_CHARACTERS = 128;

/** A client's clock may run ahead, and a time zone may be forgotten: a day covers both, a wrong unit never passes. */
export const MAX_FUTURE_MS = 24 * 60 * 60 * 1000;

/** Epoch numbers below this are seconds (they reach the year 5138), others milliseconds (from March 1973 on). */
export const EPOCH_SECONDS_BELOW = 1e11;

/** A request, inflated. The largest that a real SDK was seen to send is 594 KB (20 messages of 29 KB). */
export const MAX_REQUEST_BYTES = 1024 * 1024;
export const MAX_REQUEST_EVENTS = 500;

/** An event as JSON. Twice what Segment allows; thirty of them still fit one statement to D1. */
export const MAX_EVENT_BYTES = 64 * 1024;

/** Levels of nesting in an event, its own object being the first. Keeps every recursion over an event shallow. */
export const MAX_NESTING_LEVELS = 20;

/** Faults in one list of an answer. All of a real event's fit; a hostile one must not be answered with megabytes. */
export const MAX_REPORTED_FAULTS = 50;

/** How much is kept of a time that could not be used: a real one of any form fits. */
export const MAX_KEPT_TIME_CHARACTERS = 64;

/** How much of a client's own field name an answer repeats. */
export const MAX_ECHOED_CHARACTERS = 64;

/**
 * One statement to D1. A JSON parameter may have 2,000,000 bytes in production, though workerd lets 4 MiB pass
 * (developers.cloudflare.com/d1/platform/limits), and D1 advises about 1,000 rows a mutation.
 */
export const MAX_STATEMENT_EVENTS = 1_000;
export const MAX_STATEMENT_BYTES = 1_000_000;

/**
 * Rows that may wait for a database's writer; beyond that it refuses, and the users' objects wait with them instead.
 * After an outage everybody comes with up to a statement's worth at once, and an isolate has 128 MB.
 */
export const MAX_WAITING_BYTES = 32_000_000;

/**
 * After which an answer of D1 to a statement is given up, or one that was lost would hold up every user of the database.
 * D1 itself ends a statement after 30 s; what was done all the same does no harm, since every statement can be repeated.
 */
export const STATEMENT_TIMEOUT_MS = 60_000;

/** How long a user's object collects events before it ships them: one call to the writer for a burst. */
export const SHIP_DELAY_MS = 100;

/**
 * When the alarm goes off that delivers what a crash kept from being delivered. Before an idle object is put to sleep,
 * which is after ten seconds (developers.cloudflare.com/durable-objects/concepts/durable-object-lifecycle), or the
 * alarm would wake it and deliver a second time.
 */
export const SAFETY_ALARM_MS = 3_000;

/**
 * Full statements in one run of a delivery; a longer backlog goes on with the next alarm. The platform ends an alarm
 * after 15 minutes, and counts that as a failure (developers.cloudflare.com/workers/platform/limits).
 */
export const MAX_RUN_STATEMENTS = 100;

/** Back-off of the shipping alarm. D1 has been seen away for 80 s at a time; five minutes spares it and us. */
export const MIN_RETRY_DELAY_MS = 1_000;
export const MAX_RETRY_DELAY_MS = 5 * 60 * 1000;

/** After an erasure D1 is told again: later than any statement on its way, of which D1 lets none take more than 30 s. */
export const ERASURE_REPEAT_DELAY_MS = 5 * 60 * 1000;

/** An alarm that is this late will not fire any more (cloudflare-docs#18324): the next event sets it anew. */
export const ALARM_OVERDUE_MS = 60 * 1000;

/** A page of a timeline or of the feed, in events. */
export const MAX_PAGE_EVENTS = 500;
export const DEFAULT_PAGE_EVENTS = 100;

/**
 * A page's properties and contexts; it ends early at this, though never empty. 500 events of 64 KB would pass both the
 * 32 MiB that a call between Workers may answer and, with their copies, the 128 MB of memory.
 */
export const MAX_PAGE_BYTES = 4_000_000;

/** How many events a filtered page of a timeline looks at, before it hands back a cursor to go on from. */
export const MAX_SCANNED_EVENTS = 10_000;

/** Tries of one call to a user's object, and the bound that each wait before the next is drawn from. */
export const MAX_CALL_ATTEMPTS = 3;
export const CALL_RETRY_DELAY_MS = 100;

/** What a client is told to wait after a 503, in whole seconds as `Retry-After` wants it. */
export const UNAVAILABLE_RETRY_AFTER_S = 2;

/** Per user, exact: what a person's devices produce in seconds of eager clicking, and an offline queue on top. */
export const DEFAULT_RATE_LIMIT_BURST_EVENTS = 1_000;
export const DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND = 100;

/** Per key and location, rough. The binding in wrangler.toml counts; it does not tell its own numbers. */
export const KEY_RATE_LIMIT_REQUESTS = 10_000;
export const KEY_RATE_LIMIT_PERIOD_S = 10;

/**
 * The request headers that a preflight asks for and is granted, as one text. A page with every tracing tool asks for some
 * hundred characters; a list beyond this is not repeated.
 */
export const MAX_PREFLIGHT_HEADERS_CHARACTERS = 4_096;

/** How long a browser may remember a preflight's answer. Chromium takes two hours at most, Firefox a day. */
export const PREFLIGHT_MAX_AGE_S = 86_400;

/** What a client is told to wait while a secret is missing: somebody has to set it first. */
export const CLOSED_RETRY_AFTER_S = 60;

/**
 * Queries to D1 for one stream of the feed, of which a page takes two of each database; the reader then goes on from
 * its last line. An invocation may make 50 on Cloudflare's free plan, and 1,000 on the paid one.
 */
export const MAX_STREAM_QUERIES = 48;

/** Rows that a statement of the retention looks at, within D1's advice, and statements in one run of the cron. */
export const RETENTION_CHUNK_EVENTS = 5_000;
export const MAX_RETENTION_CHUNKS = 100;

/** How long /health waits for a database: D1 has been seen to hang for 80 s, and monitors give up after some seconds. */
export const HEALTH_TIMEOUT_MS = 2_000;

/** How often a request to /health looks whether another one has the databases' answers. */
export const HEALTH_POLL_MS = 20;

/**
 * What is read of a user agent, and how long a text that the edge adds to an event may be. Browsers send some 200
 * characters, apps inside of other apps up to 400; names of cities end before 100.
 */
export const MAX_USER_AGENT_CHARACTERS = 512;
export const MAX_ENRICHMENT_CHARACTERS = 100;

/** How long /health repeats what it found, so that strangers cannot load D1 through it. */
export const HEALTH_MEMORY_MS = 5_000;
