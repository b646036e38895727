import type { Context } from "hono";
import { accepts } from "hono/accepts";
import type { AppEnv } from "./app-env.ts";
import { checkKey } from "./keys.ts";

/** Whether a request asks for a page. Browsers do, which name text/html; clients that accept everything do not. */
export function wantsPage(c: Context<AppEnv>): boolean {
  const supports = ["application/json", "application/x-ndjson", "text/html"];
  return accepts(c, { header: "Accept", supports, default: "application/json" }) === "text/html";
}

/** Answers with a page of public/, by its name without the suffix. The page's headers are in public/_headers. */
export async function page(c: Context<AppEnv>, name: string): Promise<Response> {
  const file = await c.env.ASSETS.fetch(new URL(`/${name}`, c.req.url));
  // Lets the page ask for the key at once, and not after a refusal, which browsers write to their consoles.
  const { ok: isOpen } = await checkKey(c.env, "read", undefined);
  const told = new HTMLRewriter().on("html", {
    element: (html) => {
      if (!isOpen) html.setAttribute("data-needs-key", "");
    },
  });
  const rewritten = told.transform(file);
  // A copy, because middleware adds headers and the file's own cannot be changed.
  const answer = new Response(rewritten.body, rewritten);
  answer.headers.set("Vary", "Accept");
  // In some browsers 'self' does not cover a WebSocket to the same host.
  const policy = answer.headers.get("Content-Security-Policy") ?? "";
  const sockets = new URL(c.req.url).origin.replace(/^http/, "ws");
  answer.headers.set("Content-Security-Policy", policy.replace("connect-src 'self'", `connect-src 'self' ${sockets}`));
  return answer;
}
