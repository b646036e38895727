import { Hono } from "hono";
import { accepts } from "hono/accepts";
import { version } from "../../package.json";
import type { AppEnv } from "./app-env.ts";

/** What is at the root: where to go on, for whoever followed a bare address. */
export const startPage = new Hono<AppEnv>().get("/", async (c) => {
  c.header("Vary", "Accept");
  const type = accepts(c, {
    header: "Accept",
    supports: ["application/json", "text/html"],
    default: "application/json",
  });
  if (type === "application/json") return c.json({ success: true, name: "tracklog", version, ...LINKS });
  return c.html(PAGE, 200, { "Content-Security-Policy": await contentSecurityPolicy() });
});

const LINKS = { docs: "/docs", openapi: "/openapi.json", health: "/health" };

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
body { max-width: 36rem; margin: 12vh auto 0; padding: 0 1.5rem; }
h1 { font-size: 1.5rem; }
code { font-family: ui-monospace, monospace; }
li { margin: 0.25rem 0; }
`;

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tracklog</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Tracklog</h1>
<p>This is an event-tracking API. Apps and servers send what their users do to <code>POST /track</code>, and Tracklog
keeps each user's events exactly once and in order.</p>
<ul>
<li><a href="${LINKS.docs}">The API, and a page to try it</a></li>
<li><a href="${LINKS.openapi}">The same as an OpenAPI document</a></li>
<li><a href="${LINKS.health}">Whether all is well</a></li>
</ul>
</main>
</body>
</html>
`;

let policy: string | undefined;

/** Allows the page's own style by its digest, and nothing else: the page needs no script, image or connection. */
async function contentSecurityPolicy(): Promise<string> {
  if (policy === undefined) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(STYLE)));
    const hash = btoa(String.fromCharCode(...digest));
    policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  }
  return policy;
}
