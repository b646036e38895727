/**
 * Every limit of Tracklog, with its unit in the name and its reason beside it.
 *
 * "Characters" are Unicode code points. "Bytes" are bytes of UTF-8 after decompression.
 */

// Bounds of the contract, which are part of the documented API.
export const MAX_EVENT_NAME_CHARACTERS = 200;
export const MAX_USER_ID_CHARACTERS = 256;
export const MAX_MESSAGE_ID_CHARACTERS = 128;

/**
 * How far in the future an event's time may be. A day covers a fast clock and a forgotten time zone, but not a wrong
 * unit.
 */
export const MAX_FUTURE_MS = 24 * 60 * 60 * 1000;

/** Epoch numbers below this are seconds (up to the year 5138), others are milliseconds (from March 1973 on). */
export const EPOCH_SECONDS_BELOW = 1e11;

/**
 * The largest request, after decompression. The largest that a real SDK was seen to send has 594 KB (20 messages of 29
 * KB).
 */
export const MAX_REQUEST_BYTES = 1024 * 1024;
export const MAX_REQUEST_EVENTS = 500;

/**
 * The largest event, as JSON. This is twice what Segment allows, and fifteen such events still fit one statement to D1.
 */
export const MAX_EVENT_BYTES = 64 * 1024;

/**
 * How deep an event may nest; its own object is the first level. The limit keeps every recursion over an event shallow.
 */
export const MAX_NESTING_LEVELS = 20;

/**
 * How many faults one answer lists. All faults of a real event fit, and a hostile event does not get megabytes back.
 */
export const MAX_REPORTED_FAULTS = 50;

/** How much of an unusable time is kept. Every real form of a time fits. */
export const MAX_KEPT_TIME_CHARACTERS = 64;

/** How much of a client's own field name an answer repeats. */
export const MAX_ECHOED_CHARACTERS = 64;

/** How many earlier versions of one event are recognised when they are sent again late. Each takes 11 bytes. */
export const MAX_REMEMBERED_VERSIONS = 1_000;

/**
 * The largest statement to D1. In production a JSON parameter may have 2,000,000 bytes, though workerd accepts 4 MiB
 * (developers.cloudflare.com/d1/platform/limits). D1 advises about 1,000 rows for a change.
 */
export const MAX_STATEMENT_EVENTS = 1_000;
export const MAX_STATEMENT_BYTES = 1_000_000;

/** How long a statement waits for more rows. D1 runs one statement at a time, so a few large ones get more done. */
export const LINGER_MS = 25;

/**
 * How much may wait in a database's writer. Beyond that it refuses rows, and they wait in the users' objects instead.
 * After an outage all users deliver at once, and all objects of a class in one location share an isolate of 128 MB.
 */
export const MAX_WAITING_BYTES = 16_000_000;

/**
 * How many erasures may wait in a database's writer. Each is a statement of its own; refused ones are tried again
 * later.
 */
export const MAX_WAITING_TASKS = 100;

/** How many statements search for the rows that D1 refuses. This is enough for several bad ones among a thousand. */
export const MAX_BISECTION_STATEMENTS = 64;

/**
 * How long to wait for D1. Without this bound one lost answer would block every user of the database. D1 itself ends a
 * statement after 30 s, and a late one does no harm: every statement can be repeated.
 */
export const STATEMENT_TIMEOUT_MS = 30_000;

/** How long a user's object waits for the writer, which may have to wait for a statement before it. */
export const WRITER_CALL_TIMEOUT_MS = 60_000;

/** After this a delivery starts no further statement. The next alarm continues with a longer backlog. */
export const MAX_DELIVERY_RUN_MS = 120_000;

/**
 * The platform ends an alarm after this and counts it as failed (developers.cloudflare.com/workers/platform/limits).
 */
export const ALARM_LIMIT_MS = 15 * 60 * 1000;

/**
 * How long after an event the alarm fires that delivers it if a crash prevented the delivery. One alarm serves all
 * events until it fires, so a later one costs less. But until then nobody knows of a new user whose object crashed.
 */
export const SAFEGUARD_DELAY_MS = 45_000;

/**
 * How large the list of keys that D1 lacks may be in a log's state: a few hundred events. The state is written with
 * every request.
 */
export const MAX_BACKLOG_STATE_BYTES = 32_000;

/** How many bytes of keys that D1 refuses a log's state holds. The platform limits the state to 2 MB. */
export const MAX_REFUSED_STATE_BYTES = 500_000;

/** How much of the rows that D1 lacks an object keeps in memory. It reads the rest from its storage. */
export const MAX_BACKLOG_ROW_BYTES = 1_000_000;

/** How many rows one delivery sends after a failure, when all waiting objects deliver at once. */
export const MAX_RETRY_ROWS = 100;

/**
 * Back-off while D1 is away. It has been away for 80 s at a time; waiting five minutes spares D1 and our own objects.
 */
export const MIN_RETRY_DELAY_MS = 1_000;
export const MAX_AWAY_DELAY_MS = 5 * 60 * 1000;

/** Back-off during a deploy, when tables or code may be missing for some minutes. */
export const MAX_DEPLOY_DELAY_MS = 60 * 1000;

/**
 * Back-off from failures that last until somebody acts or the day ends: a full database, the free plan's rows, a
 * refused row.
 */
export const MIN_LASTING_DELAY_MS = 5 * 60 * 1000;
export const MAX_LASTING_DELAY_MS = 60 * 60 * 1000;

/** How long an isolate remembers that a database is full. After that a new log may try it again. */
export const FULL_MEMORY_MS = 60 * 60 * 1000;

/**
 * How many stretches in different databases one log may have: its state holds them. A log that goes on in another database
 * has two. More come only if an update moves an event out of the middle; beyond this number, such an event waits.
 */
export const MAX_STRETCHES = 100;

/** How many events one statement erases. Hundreds of thousands can exceed D1's CPU limit and reset the database. */
export const MAX_ERASED_KEYS = 5_000;

/** An alarm that is this late will never fire (cloudflare-docs#18324), so the next event sets a new one. */
export const ALARM_OVERDUE_MS = 60 * 1000;

/** How many events a page of a timeline or of the feed holds. */
export const MAX_PAGE_EVENTS = 500;
export const DEFAULT_PAGE_EVENTS = 100;

/**
 * A page ends early when its properties and contexts reach this size, but never empty. 500 events of 64 KB would exceed
 * the 32 MiB that a call between Workers may return and, with their copies, the 128 MB of memory.
 */
export const MAX_PAGE_BYTES = 4_000_000;

/** How many events a filtered page of a timeline examines before it returns a cursor to continue from. */
export const MAX_SCANNED_EVENTS = 10_000;

/** How often one call to a user's object is tried, and the upper bound of the random wait before the next try. */
export const MAX_CALL_ATTEMPTS = 3;
export const CALL_RETRY_DELAY_MS = 100;

/** How many users' objects one request calls at a time. An account may not create stubs too quickly. */
export const MAX_CONCURRENT_CALLS = 50;

/** The upper bound of the wait if the account creates stubs too quickly, as after a cold start with many users. */
export const CROWDED_RETRY_DELAY_MS = 500;

/** How long a client is told to wait after a 503, in whole seconds because `Retry-After` takes only those. */
export const UNAVAILABLE_RETRY_AFTER_S = 2;

/**
 * The exact limit for one user: some seconds of eager clicking on all of a person's devices, with an offline queue on
 * top.
 */
export const DEFAULT_RATE_LIMIT_BURST_EVENTS = 1_000;
export const DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND = 100;

/**
 * The rough limit for one key in one location. These repeat the numbers of the binding in wrangler.toml, which counts
 * but does not reveal them.
 */
export const KEY_RATE_LIMIT_REQUESTS = 10_000;
export const KEY_RATE_LIMIT_PERIOD_S = 10;

/**
 * The longest list of request headers that a preflight is granted. A page with every tracing tool asks for a few
 * hundred characters; a longer list is not repeated.
 */
export const MAX_PREFLIGHT_HEADERS_CHARACTERS = 4_096;

/** How long a browser may remember a preflight's answer. Chromium caps it at two hours, Firefox at a day. */
export const PREFLIGHT_MAX_AGE_S = 86_400;

/** How long a client is told to wait while a secret is missing, since a person has to set it first. */
export const CLOSED_RETRY_AFTER_S = 60;

/**
 * How many queries to D1 one stream of the feed makes before it ends; the reader continues from its last line.
 * Cloudflare's paid plan allows 1,000 in one invocation (developers.cloudflare.com/d1/platform/limits). On the free
 * plan D1 fails after 50, and the stream still ends with such a line.
 */
export const MAX_STREAM_QUERIES = 900;

/**
 * How many keys a filtered page of the feed examines, and how many lines a stream reads at once. Each is a row to read.
 */
export const FEED_WINDOW_KEYS = 5_000;

/**
 * How many rows one statement of the retention removes; D1 advises 10,000 at most. The roll-up and the retention share
 * the 1,000 queries that a cron invocation may make on Cloudflare's paid plan, and the run ends before the next one
 * begins ten minutes later. So the retention keeps up with 5,400 events a second over all databases.
 */
export const RETENTION_CHUNK_ROWS = 5_000;
export const MAX_RETENTION_STATEMENTS = 650;
export const MAX_RETENTION_RUN_MS = 9 * 60 * 1000;

/**
 * How long an event stays stored after `RETENTION_DAYS` has begun to refuse it. Clocks differ, and nothing may be deleted
 * that somebody would still accept. The log deletes last, so that an erasure in between still knows the keys of the rows
 * in the copies.
 */
export const COPY_EXPIRY_DELAY_MS = 24 * 60 * 60 * 1000;
export const LOG_EXPIRY_DELAY_MS = 3 * 24 * 60 * 60 * 1000;

/** The smallest `RETENTION_DAYS`. A younger event can never have been deleted, so a log need not ask for the floor. */
export const MIN_RETENTION_DAYS = 1;

/**
 * How long a floor of the retention must have been known before logs delete what is below it, and how long an isolate
 * remembers a floor. It asks again after the second time, and uses the old answer until the third if it gets no new one.
 */
export const FLOOR_SETTLE_MS = 60 * 60 * 1000;
export const FLOOR_MEMORY_MS = 10 * 60 * 1000;
export const MAX_FLOOR_AGE_MS = 30 * 60 * 1000;
export const FLOOR_TIMEOUT_MS = 5_000;

/** How often a log deletes expired events, at most. Without this bound it would wake up for each event. */
export const EXPIRY_INTERVAL_MS = 24 * 60 * 60 * 1000;

/** How many events, and remembered times of messages, a log deletes in one transaction. Each is a row written. */
export const EXPIRY_CHUNK_ROWS = 5_000;

/**
 * How many logs, over all databases, one run of the cron wakes so that they delete what has expired, and how often it
 * wakes each of them. This is 100,000 users a day, at about 15 cents a million. An invocation may make 10,000 calls.
 */
export const MAX_WALKED_USERS = 700;
export const WALK_PERIOD_MS = 30 * 24 * 60 * 60 * 1000;

/** The bounds, in seconds, of the histogram that shows how long events take to reach D1. */
export const LAG_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600] as const;

/** How many logs one run of the cron calls in each lane because they have waited too long for D1. */
export const MAX_CALLED_UPON_USERS = 100;

/** How many users' logs a rebuild sends at once, and how long one request for it runs, so that progress is visible. */
export const REBUILD_PAGE_USERS = 50;
export const REBUILD_SLICE_MS = 5_000;

/**
 * How much a rebuild sends before archived rows are removed from D1 again, as a share of a database's size. The archive
 * may hold far more than a database can.
 */
export const REBUILD_CLEARING_SHARE = 0.1;

/** How long an erasure's receipt can be read after everything is erased. */
export const ERASURE_RECEIPT_MS = 30 * 24 * 60 * 60 * 1000;

/** How long a tombstone keeps rows of an erased log out of D1. No statement or retry is under way for longer. */
export const TOMBSTONE_DAYS = 35;

/** How long /health waits for a database. D1 has hung for 80 s, and monitors give up after a few seconds. */
export const HEALTH_TIMEOUT_MS = 2_000;

/** How long events may wait for a database before /health reports it as behind. Short faults are over by then. */
export const MAX_HEALTHY_WAIT_MS = 60_000;

/** How often a request to /health checks whether another request has the databases' answers. */
export const HEALTH_POLL_MS = 20;

/**
 * How much of a user agent is read, and how long a text that the edge adds to an event may be. Browsers send about 200
 * characters, apps inside other apps up to 400; names of cities have fewer than 100.
 */
export const MAX_USER_AGENT_CHARACTERS = 512;
export const MAX_ENRICHMENT_CHARACTERS = 100;

/** How long /health repeats its last answer, so that strangers cannot load D1 through it. */
export const HEALTH_MEMORY_MS = 5_000;

/**
 * The largest file of the archive. An isolate has 128 MB, and on its way from D1 through JavaScript into Parquet a row
 * takes several times the size of its text.
 */
export const ARCHIVE_CHUNK_ROWS = 25_000;
export const ARCHIVE_CHUNK_BYTES = 8_000_000;

/** How much the archive reads from D1 at once. */
export const ARCHIVE_PAGE_ROWS = 2_500;
export const ARCHIVE_PAGE_BYTES = 4_000_000;

/** How many rows one row group of a file holds. A reader who wants one user reads one or two groups. */
export const ARCHIVE_ROW_GROUP_ROWS = 5_000;

/** How many rows one statement of the archive examines to find those that are old enough. */
export const ARCHIVE_SCAN_ROWS = 50_000;

/** How many rows are counted, at most, to report how far the archive is behind. */
export const MAX_COUNTED_WAITING_ROWS = 100_000;

/**
 * How long one run of the archiver lasts before others get their turn, and how many files it handles; its alarm continues
 * the work. A file takes about 25 calls to R2 and D1, and an invocation may make 1,000
 * (developers.cloudflare.com/workers/platform/limits).
 */
export const ARCHIVE_RUN_MS = 20_000;
export const MAX_ARCHIVE_RUN_FILES = 30;

/** How long the archive waits for an answer of R2. It asks again later. */
export const ARCHIVE_CALL_TIMEOUT_MS = 30_000;

/** How long a write to R2 that got no answer may still take effect. If it does, the object is removed. */
export const MAX_LATE_WRITE_MS = 60 * 60 * 1000;

/** The shortest time for which a row stays in a D1 database that fills up, so that readers of the feed find it. */
export const MIN_HOT_DAYS = 1;

/**
 * How full a database is, as a share of its size, when rows go to the archive earlier than `D1_DAYS` says: after half of
 * that time from the first share on, and after MIN_HOT_DAYS from the second. Importing years of events needs this.
 */
export const EARLY_ARCHIVE_SHARE = 0.7;
export const URGENT_ARCHIVE_SHARE = 0.85;

/** What one D1 database may hold (developers.cloudflare.com/d1/platform/limits). */
export const MAX_DATABASE_BYTES = 10_000_000_000;

/**
 * How many objects one answer of R2's list holds, and one delete takes
 * (developers.cloudflare.com/r2/api/workers/workers-api-reference).
 */
export const MAX_LISTED_OBJECTS = 1_000;

/**
 * How many of the feed's keys one step of the roll-up examines, and how many uncounted ones a reader of the counters
 * examines.
 */
export const ROLLUP_WINDOW_KEYS = 10_000;
export const MAX_UNCOUNTED_KEYS = 50_000;

/**
 * How many pairs of event name and key the counters of one hour tell apart. Names that contain ids cannot make
 * millions.
 */
export const MAX_HOURLY_NAMES = 2_000;

/**
 * How much one run of the roll-up does over all databases, at three statements an hour of events. The next run
 * continues.
 */
export const MAX_ROLLUP_STATEMENTS = 300;
export const MAX_ROLLUP_RUN_MS = 2 * 60 * 1000;

/** How long counters are kept. */
export const COUNTER_DAYS = 400;

/**
 * How many uncounted hours, the newest first, a reader of the counters counts from events: a day's 24 and as many late
 * ones.
 */
export const MAX_STALE_HOURS_READ = 48;

/** If a day has more events than this, a reader is told the last roll-up's number of users instead of a new count. */
export const MAX_DAY_EVENTS_READ = 200_000;

/** The longest ranges that /stats takes, by what it groups by. Minutes are counted from events. */
export const MAX_MINUTES_RANGE_MS = 6 * 60 * 60 * 1000;
export const MAX_HOURS_RANGE_DAYS = 31;
export const MAX_STATS_ROWS = 10_000;

/**
 * How many events, the newest of the range, minutes and properties are counted from: about what D1 reads in a second.
 */
export const MAX_SCANNED_ROWS = 100_000;

/** How many events of one name are sampled for their properties, and how much of the result is shown. */
export const MAX_SAMPLED_EVENTS = 10_000;
export const MAX_TOLD_PROPERTIES = 30;
export const MAX_TOLD_VALUES = 20;
export const MAX_TOLD_VALUE_CHARACTERS = 200;

/**
 * How long an isolate gathers counts of its answers before it hands them on. A request may last 30 s after its answer.
 */
export const TALLY_INTERVAL_MS = 5_000;

/** How many separate counts an isolate keeps meanwhile: five verdicts and some statuses for each key. */
export const MAX_TALLIES = 1_000;
/** How often an isolate asks whether anybody watches, and how long it remembers arrivals until it knows. */
export const LIVE_ASK_INTERVAL_MS = 2_000;

/** How long events are gathered before they are sent on, both in an isolate and for each viewer. */
export const LIVE_FLUSH_MS = 50;

/** How many events an isolate sends to the viewers in a second, and how many each viewer gets. Nobody can read more. */
export const MAX_LIVE_EVENTS_PER_SECOND = 200;

/** How much an isolate remembers for possible viewers. */
export const MAX_LIVE_WAITING_REQUESTS = 200;
export const MAX_LIVE_WAITING_BYTES = 4_000_000;

/** The largest message from an isolate to the live view. */
export const MAX_LIVE_MESSAGE_BYTES = 1_000_000;

/** How many times its size a compressed request is assumed to grow to, where a rough number is enough. */
export const USUAL_INFLATION = 8;

/** Longer properties, contexts and rejected bodies are not shown in the live view. */
export const MAX_LIVE_BODY_CHARACTERS = 16_000;

/** How long one request works for the others of its isolate. It may last 30 seconds after its answer. */
export const MAX_BACKGROUND_RUN_MS = 15_000;

/** How long an isolate waits for an answer of the live view. */
export const LIVE_CALL_TIMEOUT_MS = 2_000;

/** How long a ticket for a WebSocket is valid, and how many may be unused at once. */
export const LIVE_TICKET_MS = 30_000;
export const MAX_LIVE_TICKETS = 1_000;

/** How many viewers there may be at once. If they have more than MAX_LIVE_FILTERS filters, isolates send everything. */
export const MAX_LIVE_VIEWERS = 100;
export const MAX_LIVE_FILTERS = 10;

/** Bounds on a viewer's filter, which is stored with its socket. A socket stores up to 16 KB. */
export const MAX_LIVE_FILTER_CHARACTERS = 300;
export const MAX_LIVE_MESSAGE_CHARACTERS = 4_000;

/** How often D1 is asked for the events that viewers saw, for how many statements and events at once, and how long. */
export const LIVE_D1_POLL_MS = 500;
export const LIVE_D1_STATEMENTS = 50;
export const MAX_LIVE_AWAITED_ROWS = 2_000;
export const LIVE_D1_PATIENCE_MS = 60_000;

/**
 * How many rejections are kept, and for how long; the oldest are removed first. With bodies of 64 KB they take 640 MB
 * at worst.
 */
export const MAX_REJECTIONS = 10_000;
export const REJECTION_DAYS = 30;

/**
 * How many rejections of one reason are kept in an hour: a few examples or, if bodies are kept, as many as may be
 * replayed.
 */
export const MAX_SAMPLES_OF_REASON = 20;
export const MAX_REJECTIONS_OF_REASON = 5_000;

/** How long an isolate gathers rejections, and how often it stores them. */
export const REJECTIONS_GATHER_MS = 100;
export const REJECTIONS_INTERVAL_MS = 3_000;

/** How many kinds of rejections an isolate tells apart meanwhile, and how many it holds with their bodies. */
export const MAX_TALLIED_KINDS = 200;
export const MAX_TALLIED_REJECTIONS = 500;
export const MAX_TALLIED_CHARACTERS = 500_000;

/** Longer bodies are not kept, since no event may be larger. */
export const MAX_REJECTED_BODY_CHARACTERS = 64 * 1024;

export const MAX_REASON_CHARACTERS = 200;

/** How long after an erasure a user's rejections are not stored. Isolates hold older ones for some minutes at most. */
export const REJECTIONS_ERASED_MS = 24 * 60 * 60 * 1000;

/** How many rows an overview of the reasons reads. */
export const MAX_REASON_ROWS = 20_000;

/** How many rejections one request may replay. */
export const MAX_REPLAYED_REJECTIONS = 100;

/**
 * How often a stream of lines shows that it is alive, and how much may wait for a slow reader before the stream is
 * ended.
 */
export const LIVE_HEARTBEAT_MS = 15_000;
export const MAX_LIVE_UNREAD_CHARACTERS = 4_000_000;

/** The period of an overview if the request names none: a day. */
export const DEFAULT_OVERVIEW_MS = 24 * 60 * 60 * 1000;
