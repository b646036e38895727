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

/** An event as JSON. Twice what Segment allows; fifteen of them still fit one statement to D1. */
export const MAX_EVENT_BYTES = 64 * 1024;

/** Levels of nesting in an event, its own object being the first. Keeps every recursion over an event shallow. */
export const MAX_NESTING_LEVELS = 20;

/** Faults in one list of an answer. All of a real event's fit; a hostile one must not be answered with megabytes. */
export const MAX_REPORTED_FAULTS = 50;

/** How much is kept of a time that could not be used: a real one of any form fits. */
export const MAX_KEPT_TIME_CHARACTERS = 64;

/** How much of a client's own field name an answer repeats. */
export const MAX_ECHOED_CHARACTERS = 64;

/** Versions of one event that are told from each other when they are sent again late. 11 bytes each. */
export const MAX_REMEMBERED_VERSIONS = 1_000;

/**
 * One statement to D1. A JSON parameter may have 2,000,000 bytes in production, though workerd lets 4 MiB pass
 * (developers.cloudflare.com/d1/platform/limits), and D1 advises about 1,000 rows a mutation.
 */
export const MAX_STATEMENT_EVENTS = 1_000;
export const MAX_STATEMENT_BYTES = 1_000_000;

/** How long a statement waits for more rows. D1 runs one at a time, so it does more with few large ones. */
export const LINGER_MS = 25;

/**
 * Rows that may wait for a database's writer; beyond that it refuses, and the users' objects wait with them instead.
 * After an outage everybody comes at once, and all objects of a class in one place share an isolate of 128 MB.
 */
export const MAX_WAITING_BYTES = 16_000_000;

/** Erasures that may wait for a database's writer. Each is a statement, and their users' objects try again. */
export const MAX_WAITING_TASKS = 100;

/** Statements to find the rows that D1 refuses: enough for several bad ones among a thousand. */
export const MAX_BISECTION_STATEMENTS = 64;

/**
 * How long to wait for D1. Without this bound one lost answer would block every user of the database. D1 itself ends a
 * statement after 30 s, and a late one does no harm: every statement can be repeated.
 */
export const STATEMENT_TIMEOUT_MS = 30_000;

/** How long a user's object waits for the writer, which may have to wait for a statement before it. */
export const WRITER_CALL_TIMEOUT_MS = 60_000;

/** A delivery begins nothing new after this; a longer backlog goes on with the next alarm. */
export const MAX_DELIVERY_RUN_MS = 120_000;

/** The platform ends an alarm after this, and counts it as failed (developers.cloudflare.com/workers/platform/limits). */
export const ALARM_LIMIT_MS = 15 * 60 * 1000;

/**
 * When the alarm goes off that delivers what a crash kept from being delivered. One serves all events until then, so a
 * later one costs less; but until then nobody knows of a new user whose object crashed.
 */
export const SAFEGUARD_DELAY_MS = 45_000;

/** Keys in a log's state of what D1 lacks: some hundred events. It is written with every request. */
export const MAX_BACKLOG_STATE_BYTES = 32_000;

/** Keys in a log's state of what D1 refuses. The platform's limit for the state is 2 MB. */
export const MAX_REFUSED_STATE_BYTES = 500_000;

/** Rows that an object keeps in memory until D1 has them; it reads others from its storage. */
export const MAX_BACKLOG_ROW_BYTES = 1_000_000;

/** Rows in a shipment after a failure, when all objects that waited come at once. */
export const MAX_RETRY_ROWS = 100;

/** Back-off while D1 is away. It has been seen away for 80 s at a time; five minutes spares it and us. */
export const MIN_RETRY_DELAY_MS = 1_000;
export const MAX_AWAY_DELAY_MS = 5 * 60 * 1000;

/** Back-off in the minutes of a deploy, when tables or code are not there yet. */
export const MAX_DEPLOY_DELAY_MS = 60 * 1000;

/** Back-off from what only a person or midnight can change: a full database, the free plan's rows, a refused row. */
export const MIN_LASTING_DELAY_MS = 5 * 60 * 1000;
export const MAX_LASTING_DELAY_MS = 60 * 60 * 1000;

/** How long an isolate remembers that a database is full, before a new log may try it again. */
export const FULL_MEMORY_MS = 60 * 60 * 1000;

/**
 * Stretches of one log in different databases: its state holds them. A log that moves on has two; more come only where an
 * update moves an event out of the middle, and beyond this such an event waits for its database.
 */
export const MAX_STRETCHES = 100;

/** Events that one statement erases: hundreds of thousands can exceed D1's CPU and reset it. */
export const MAX_ERASED_KEYS = 5_000;

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

/** Calls to users' objects at a time for one request: an account may not create stubs too quickly. */
export const MAX_CONCURRENT_CALLS = 50;

/** The bound on the wait where the account creates too many stubs, as after a cold start with many users. */
export const CROWDED_RETRY_DELAY_MS = 500;

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
 * Queries to D1 for one stream of the feed; the reader then goes on from its last line. An invocation may make 1,000 on
 * Cloudflare's paid plan (developers.cloudflare.com/d1/platform/limits). On the free one D1 fails after 50, and the
 * stream ends with its last line all the same.
 */
export const MAX_STREAM_QUERIES = 900;

/** Keys that a filtered page of the feed looks at, and the lines of a stream that are read at once. Each is a row to read. */
export const FEED_WINDOW_KEYS = 5_000;

/**
 * Rows that one statement of the retention removes; D1 advises 10,000 at most. An invocation of the cron may make 1,000
 * queries on Cloudflare's paid plan, which the roll-up and the retention share, and ends before the next one begins ten
 * minutes later. So the retention keeps up with 5,400 events a second, over all databases.
 */
export const RETENTION_CHUNK_ROWS = 5_000;
export const MAX_RETENTION_STATEMENTS = 650;
export const MAX_RETENTION_RUN_MS = 9 * 60 * 1000;

/**
 * How long an event stays where it is after `RETENTION_DAYS` has begun to refuse it: clocks differ, and nothing may be
 * deleted that somebody would still take. The log lets go last, so that an erasure in between still knows the keys of
 * what the copies have.
 */
export const COPY_EXPIRY_DELAY_MS = 24 * 60 * 60 * 1000;
export const LOG_EXPIRY_DELAY_MS = 3 * 24 * 60 * 60 * 1000;

/** The least that `RETENTION_DAYS` may be. A younger event can never have been deleted, so nobody has to be asked. */
export const MIN_RETENTION_DAYS = 1;

/**
 * How long a floor of the retention has to be known before logs delete what is below it, and how long an isolate
 * remembers a floor: it asks again after the second, and goes on with what it knows until the third if nobody answers.
 */
export const FLOOR_SETTLE_MS = 60 * 60 * 1000;
export const FLOOR_MEMORY_MS = 10 * 60 * 1000;
export const MAX_FLOOR_AGE_MS = 30 * 60 * 1000;
export const FLOOR_TIMEOUT_MS = 5_000;

/** How often a log deletes what has expired, at most: else it would wake up for each event. */
export const EXPIRY_INTERVAL_MS = 24 * 60 * 60 * 1000;

/** Events, and remembered times of messages, that a log deletes in one transaction. Each is a row written. */
export const EXPIRY_CHUNK_ROWS = 5_000;

/**
 * Logs that one run of the cron calls upon so that they let go of what has expired, over all databases, and how often
 * each is: 100,000 users a day, for about 15 cents a million. An invocation may make 10,000 calls.
 */
export const MAX_WALKED_USERS = 700;
export const WALK_PERIOD_MS = 30 * 24 * 60 * 60 * 1000;

/** The bounds of the histogram of how long events take to D1, in seconds. */
export const LAG_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600] as const;

/** Logs that one run of the cron calls upon in each lane, because they have waited for D1 too long. */
export const MAX_CALLED_UPON_USERS = 100;

/** Users whose logs a rebuild sends at once, and how long one request for it goes on, so that progress can be seen. */
export const REBUILD_PAGE_USERS = 50;
export const REBUILD_SLICE_MS = 5_000;

/** The share of a database's size that a rebuild sends before archived rows leave again. The archive may hold far more. */
export const REBUILD_CLEARING_SHARE = 0.1;

/** How long an erasure's receipt can be asked for after everything has forgotten. */
export const ERASURE_RECEIPT_MS = 30 * 24 * 60 * 60 * 1000;

/** How long a tombstone keeps rows of an erased log out of D1: longer than any statement or retry is on its way. */
export const TOMBSTONE_DAYS = 35;

/** How long /health waits for a database: D1 has been seen to hang for 80 s, and monitors give up after some seconds. */
export const HEALTH_TIMEOUT_MS = 2_000;

/** How long events may wait for a database before /health calls it behind: a short fault is over by then. */
export const MAX_HEALTHY_WAIT_MS = 60_000;

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

/**
 * One file of the archive. An isolate has 128 MB, and a row takes several times its text on the way from D1 through
 * JavaScript into Parquet.
 */
export const ARCHIVE_CHUNK_ROWS = 25_000;
export const ARCHIVE_CHUNK_BYTES = 8_000_000;

/** Rows that the archive reads from D1 at once. */
export const ARCHIVE_PAGE_ROWS = 2_500;
export const ARCHIVE_PAGE_BYTES = 4_000_000;

/** Rows that lie together in a file. A reader who wants one user reads one or two of these groups. */
export const ARCHIVE_ROW_GROUP_ROWS = 5_000;

/** Rows that one statement of the archive looks through for those that are old enough. */
export const ARCHIVE_SCAN_ROWS = 50_000;

/** Rows that are counted to tell how far the archive is behind. */
export const MAX_COUNTED_WAITING_ROWS = 100_000;

/**
 * How long one run of the archiver goes on before it lets others have their turn, and how many files it handles; the
 * alarm goes on. A file takes some 25 calls of R2 and D1, and an invocation may make 1,000
 * (developers.cloudflare.com/workers/platform/limits).
 */
export const ARCHIVE_RUN_MS = 20_000;
export const MAX_ARCHIVE_RUN_FILES = 30;

/** How long the archive waits for R2, which it then asks again later. */
export const ARCHIVE_CALL_TIMEOUT_MS = 30_000;

/** How long a write to R2 that was not answered may still take effect. What comes of it then is removed. */
export const MAX_LATE_WRITE_MS = 60 * 60 * 1000;

/** The least time for which a row stays in D1 where that fills up, so that readers of the feed find it. */
export const MIN_HOT_DAYS = 1;

/**
 * The shares of a database's size from which on the archive takes rows earlier than `D1_DAYS` says: after half of it, and
 * after MIN_HOT_DAYS, as when years of events are imported.
 */
export const EARLY_ARCHIVE_SHARE = 0.7;
export const URGENT_ARCHIVE_SHARE = 0.85;

/** What one D1 database may hold (developers.cloudflare.com/d1/platform/limits). */
export const MAX_DATABASE_BYTES = 10_000_000_000;

/** Objects in one answer of R2's list, and in one delete (developers.cloudflare.com/r2/api/workers/workers-api-reference). */
export const MAX_LISTED_OBJECTS = 1_000;

/** Keys of the feed that one step of the roll-up looks at, and a reader of the counters who is ahead of it. */
export const ROLLUP_WINDOW_KEYS = 10_000;
export const MAX_UNCOUNTED_KEYS = 50_000;

/** Names of events, each with a key, that the counters of one hour tell apart: a name with an id in it makes no millions. */
export const MAX_HOURLY_NAMES = 2_000;

/** What one run of the roll-up takes, over all databases: three statements an hour. The next one goes on. */
export const MAX_ROLLUP_STATEMENTS = 300;
export const MAX_ROLLUP_RUN_MS = 2 * 60 * 1000;

/** How long counters are kept. */
export const COUNTER_DAYS = 400;

/** Hours that a reader of the counters counts from events, the newest ones; a day has 24, and as many are a bit late. */
export const MAX_STALE_HOURS_READ = 48;

/** Events of a day up to which a reader counts its users anew. Beyond, the last roll-up's number is told. */
export const MAX_DAY_EVENTS_READ = 200_000;

/** Ranges that /stats takes, by what it groups by. Minutes are counted from events. */
export const MAX_MINUTES_RANGE_MS = 6 * 60 * 60 * 1000;
export const MAX_HOURS_RANGE_DAYS = 31;
export const MAX_STATS_ROWS = 10_000;

/** Events that minutes and properties are counted from, the newest of the range: about what D1 reads in a second. */
export const MAX_SCANNED_ROWS = 100_000;

/** Events of one name whose properties are looked at, and what is told of them. */
export const MAX_SAMPLED_EVENTS = 10_000;
export const MAX_TOLD_PROPERTIES = 30;
export const MAX_TOLD_VALUES = 20;
export const MAX_TOLD_VALUE_CHARACTERS = 200;

/** How long an isolate gathers what it has answered before it hands the numbers on; a request may last 30 s longer. */
export const TALLY_INTERVAL_MS = 5_000;

/** Numbers that an isolate keeps apart meanwhile: five verdicts and some statuses for each key. */
export const MAX_TALLIES = 1_000;
/** How often an isolate asks whether somebody watches, and for how long what arrived meanwhile is remembered. */
export const LIVE_ASK_INTERVAL_MS = 2_000;

/** How long events are gathered before they are sent on, in an isolate and for each viewer. */
export const LIVE_FLUSH_MS = 50;

/** What an isolate sends to the viewers in a second, and what each of them gets: more than anybody can read. */
export const MAX_LIVE_EVENTS_PER_SECOND = 200;

/** What an isolate remembers for those who may watch. */
export const MAX_LIVE_WAITING_REQUESTS = 200;
export const MAX_LIVE_WAITING_BYTES = 4_000_000;

/** What an isolate sends to the viewers at once. */
export const MAX_LIVE_MESSAGE_BYTES = 1_000_000;

/** What a compressed request is taken to grow to, where only about how much it is has to be known. */
export const USUAL_INFLATION = 8;

/** Properties, contexts and rejected bodies beyond this are not shown as they arrive. */
export const MAX_LIVE_BODY_CHARACTERS = 16_000;

/** How long one request goes on for the others of its isolate; it may last 30 seconds after its answer. */
export const MAX_BACKGROUND_RUN_MS = 15_000;

/** How long an isolate waits for the live view. */
export const LIVE_CALL_TIMEOUT_MS = 2_000;

/** How long a ticket opens a WebSocket, and how many may be open at once. */
export const LIVE_TICKET_MS = 30_000;
export const MAX_LIVE_TICKETS = 1_000;

/** Viewers at once. Beyond MAX_LIVE_FILTERS of them isolates are told to send everything. */
export const MAX_LIVE_VIEWERS = 100;
export const MAX_LIVE_FILTERS = 10;

/** A viewer's filter is kept with its socket, where there are 16 KB. */
export const MAX_LIVE_FILTER_CHARACTERS = 300;
export const MAX_LIVE_MESSAGE_CHARACTERS = 4_000;

/** How D1 is asked for what viewers saw arrive: how often, for how many statements, how many events, how long. */
export const LIVE_D1_POLL_MS = 500;
export const LIVE_D1_STATEMENTS = 50;
export const MAX_LIVE_AWAITED_ROWS = 2_000;
export const LIVE_D1_PATIENCE_MS = 60_000;

/** Rejections that are kept, and for how long. The oldest give way. With bodies of 64 KB these are 640 MB at worst. */
export const MAX_REJECTIONS = 10_000;
export const REJECTION_DAYS = 30;

/** Rejections of one reason that are kept in an hour: some to look at, or with bodies as many as one may replay. */
export const MAX_SAMPLES_OF_REASON = 20;
export const MAX_REJECTIONS_OF_REASON = 5_000;

/** How long an isolate gathers what it has refused, and how often it stores it. */
export const REJECTIONS_GATHER_MS = 100;
export const REJECTIONS_INTERVAL_MS = 3_000;

/** What an isolate gathers meanwhile: kinds that it tells apart, and rejections with their bodies. */
export const MAX_TALLIED_KINDS = 200;
export const MAX_TALLIED_REJECTIONS = 500;
export const MAX_TALLIED_CHARACTERS = 500_000;

/** Bodies beyond this are not kept: no event may be larger. */
export const MAX_REJECTED_BODY_CHARACTERS = 64 * 1024;

export const MAX_REASON_CHARACTERS = 200;

/** How long an erasure keeps out what isolates still hold: some minutes at most. */
export const REJECTIONS_ERASED_MS = 24 * 60 * 60 * 1000;

/** Rows that an overview of the reasons reads. */
export const MAX_REASON_ROWS = 20_000;

/** Rejections in one request for a replay. */
export const MAX_REPLAYED_REJECTIONS = 100;

/** How often a stream of lines shows that it is alive, and what may wait for a slow reader before it is ended. */
export const LIVE_HEARTBEAT_MS = 15_000;
export const MAX_LIVE_UNREAD_CHARACTERS = 4_000_000;

/** What an overview covers unless it is told: a day. */
export const DEFAULT_OVERVIEW_MS = 24 * 60 * 60 * 1000;
