import { DurableObject } from "cloudflare:workers";
import * as v from "valibot";
import { isJsonObject } from "../event/json.ts";
import { MAX_LIVE_FILTERS, MAX_LIVE_MESSAGE_CHARACTERS, MAX_LIVE_VIEWERS } from "../limits.ts";
import { ArrivalsInD1 } from "./arrivals-in-d1.ts";
import { type LiveFilter, liveFilter, matchesFields, matchesText } from "./live-filter.ts";
import type { LiveVerdict } from "./live-verdict.ts";
import { Outbox } from "./outbox.ts";
import { Tickets } from "./tickets.ts";

/** Close codes from RFC 6455 and its IANA registry. */
const TRY_AGAIN_LATER = 1013;
const UNSUPPORTED_DATA = 1003;

/**
 * The object to which every viewer of arriving events is connected. There is one, and it sleeps while nothing arrives:
 * the platform holds the sockets, keeps each viewer's filter with its socket and answers pings itself.
 *
 * A message to a viewer is lines of JSON, each of the type "verdict", "d1" or "left_out".
 */
export class LiveView extends DurableObject<Env> {
  readonly #tickets = new Tickets(this.ctx.storage.kv);
  readonly #outbox = new Outbox();
  readonly #inD1 = new ArrivalsInD1(this.env);

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  issueTicket(): { ticket: string; expiresAt: number } {
    return this.#tickets.issue(Date.now());
  }

  redeemTicket(ticket: string): boolean {
    return this.#tickets.redeem(ticket, Date.now());
  }

  /** What the viewers want to see; null if nobody watches. */
  watching(): LiveFilter[] | null {
    const viewers = this.#viewers();
    if (viewers.length === 0) return null;
    const filters = viewers.map(filterOf);
    return filters.length > MAX_LIVE_FILTERS || filters.some((filter) => Object.keys(filter).length === 0)
      ? [{}]
      : filters;
  }

  /**
   * Takes what has arrived at one isolate.
   *
   * @param leftOut how many events the isolate did not send because there were too many
   * @returns what the viewers want to see now; null if nobody watches
   */
  announce(verdicts: LiveVerdict[], leftOut: number): LiveFilter[] | null {
    const now = Date.now();
    const viewers = this.#viewers().map((socket) => ({ socket, filter: filterOf(socket) }));
    for (const { socket } of viewers) this.#outbox.addLeftOut(socket, leftOut);
    for (const verdict of verdicts) {
      const interested = viewers.filter(
        ({ filter }) => matchesFields(filter, verdict) && matchesText(filter, verdict.line),
      );
      for (const { socket } of interested) this.#outbox.addEvent(socket, verdict.line, now);
      if (verdict.row !== null && interested.length > 0) this.#awaitRow(verdict.row, verdict, interested);
    }
    return this.watching();
  }

  /** Without those who are leaving: the platform keeps a socket until the other side has closed it, too. */
  #viewers(): WebSocket[] {
    return this.ctx.getWebSockets().filter(({ readyState }) => readyState === WebSocket.READY_STATE_OPEN);
  }

  #awaitRow(row: string, { id, receivedAt }: LiveVerdict, interested: { socket: WebSocket }[]): void {
    this.#inD1.expect(row, {
      receivedAt,
      tell: (ms) => {
        const line = JSON.stringify({ type: "d1", id, d1_ms: ms });
        for (const { socket } of interested) this.#outbox.addLine(socket, line);
      },
    });
  }

  /**
   * Accepts a viewer's WebSocket. The Worker has checked the viewer's key or ticket and the filter, which is the query.
   */
  override async fetch(request: Request): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const { ticket: _, ...query } = Object.fromEntries(new URL(request.url).searchParams);
    const parsed = v.safeParse(liveFilter, query);
    server.serializeAttachment(parsed.success ? parsed.output : {});
    if (this.#viewers().length > MAX_LIVE_VIEWERS)
      server.close(TRY_AGAIN_LATER, `At most ${MAX_LIVE_VIEWERS} viewers can watch at once`);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** A message is the viewer's new filter. Any other message closes the socket. */
  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const filter = typeof message === "string" ? parseFilter(message) : null;
    if (filter) socket.serializeAttachment(filter);
    else socket.close(UNSUPPORTED_DATA, "A message must be a filter as JSON");
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    this.#outbox.forget(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    this.#outbox.forget(socket);
  }
}

function filterOf(socket: WebSocket): LiveFilter {
  return (socket.deserializeAttachment() as LiveFilter | null) ?? {};
}

function parseFilter(message: string): LiveFilter | null {
  if (message.length > MAX_LIVE_MESSAGE_CHARACTERS) return null;
  try {
    const sent: unknown = JSON.parse(message);
    // Valibot accepts an array as an object.
    if (!isJsonObject(sent)) return null;
    const parsed = v.safeParse(liveFilter, sent);
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
