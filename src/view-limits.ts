/** The limits of what people look at, the live view and what was rejected: apart from limits.ts because they are many. */

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
