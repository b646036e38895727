import { Hono } from "hono";
import * as v from "valibot";
import { formatTimestamp } from "../../event/timestamp.ts";
import { liveFilter } from "../../live/live-filter.ts";
import { liveViewOf } from "../../live/live-view-of.ts";
import { logFailure } from "../../log-failure.ts";
import type { AppEnv } from "../app-env.ts";
import { page, wantsPage } from "../page.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import { linesOfSocket } from "./lines-of-socket.ts";
import { parseQuery } from "./query.ts";

const liveQuery = v.strictObject({ ...liveFilter.entries, ticket: v.optional(v.string()) });

/** Events as they arrive: as a page, as lines, and over the WebSocket that the page opens. */
export const live = new Hono<AppEnv>()
  .get("/live", async (c, next) => {
    const isSocket = c.req.header("upgrade")?.toLowerCase() === "websocket";
    if (!isSocket) return wantsPage(c) ? page(c, "live") : next();
    const parsed = parseQuery(c, liveQuery);
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const view = liveViewOf(c.env);
    try {
      if (!(await view.redeemTicket(parsed.query.ticket ?? "")))
        return problem(c, { reason: "unauthorized", kind: "read", fault: "ticket" });
      const { webSocket } = await view.fetch(c.req.url, { headers: { Upgrade: "websocket" } });
      // A new response, because middleware adds headers.
      return new Response(null, { status: 101, webSocket });
    } catch (error) {
      logFailure("live_view_unreachable", error, { request_id: c.get("requestId") });
      return problem(c, { reason: "unreachable" });
    }
  })
  .get("/live", requireKey("read"), async (c) => {
    const parsed = parseQuery(c, liveFilter);
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    try {
      const { webSocket } = await liveViewOf(c.env).fetch(c.req.url, { headers: { Upgrade: "websocket" } });
      return c.body(linesOfSocket(webSocket!), 200, { "Content-Type": "application/x-ndjson" });
    } catch (error) {
      logFailure("live_view_unreachable", error, { request_id: c.get("requestId") });
      return problem(c, { reason: "unreachable" });
    }
  })
  .post("/live/ticket", requireKey("read"), async (c) => {
    try {
      const { ticket, expiresAt } = await liveViewOf(c.env).issueTicket();
      return c.json({ ticket, expires_at: formatTimestamp(expiresAt) });
    } catch (error) {
      logFailure("live_view_unreachable", error, { request_id: c.get("requestId") });
      return problem(c, { reason: "unreachable" });
    }
  });
