import type { Context } from "hono";
import { accepts } from "hono/accepts";
import type { AppEnv } from "./app-env.ts";
import { checkKey } from "./keys.ts";

/** Whether a request asks for a page: browsers do, which name text/html, and no client that takes everything. */
export function wantsPage(c: Context<AppEnv>): boolean {
  const supports = ["application/json", "application/x-ndjson", "text/html"];
  return accepts(c, { header: "Accept", supports, default: "application/json" }) === "text/html";
}

/** Answers with a page of public/, by its name without the suffix. Its headers are in public/_headers. */
export async function page(c: Context<AppEnv>, name: string): Promise<Response> {
  const file = await c.env.ASSETS.fetch(new URL(`/${name}`, c.req.url));
  // So that a page asks for the key at once, and not after a refusal, which browsers write to their consoles.
  const { ok: isOpen } = await checkKey(c.env, "read", undefined);
  const told = new HTMLRewriter().on("html", {
    element: (html) => {
      if (!isOpen) html.setAttribute("data-needs-key", "");
    },
  });
  const rewritten = told.transform(file);
  // The file's own headers cannot be changed, and others are to be added.
  const answer = new Response(rewritten.body, rewritten);
  answer.headers.set("Vary", "Accept");
  // Not every browser takes a WebSocket to the same host for 'self'.
  const policy = answer.headers.get("Content-Security-Policy") ?? "";
  const sockets = new URL(c.req.url).origin.replace(/^http/, "ws");
  answer.headers.set("Content-Security-Policy", policy.replace("connect-src 'self'", `connect-src 'self' ${sockets}`));
  return answer;
}
