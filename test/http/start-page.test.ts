import { describe, it } from "vitest";
import { app } from "../../src/app.ts";
import { version } from "../../package.json";

/** As Chromium and Firefox ask for a page. */
const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

function start(accept?: string) {
  return app.request("/", accept === undefined ? {} : { headers: { Accept: accept } }, { OPEN: "false" });
}

describe("the start page", () => {
  it.for([undefined, "*/*", "application/json", "text/html;q=0.5, application/json"])(
    "names /docs as JSON to a client that accepts %j",
    async (accept, { expect }) => {
      const response = await start(accept);
      expect(response.status).toBe(200);
      expect(response.headers.get("Content-Type")).toBe("application/json");
      expect(response.headers.get("Vary")).toContain("Accept");
      expect(await response.json()).toEqual({
        success: true,
        name: "tracklog",
        version,
        docs: "/docs",
        openapi: "/openapi.json",
        health: "/health",
      });
    },
  );

  it("is a page with a link to /docs for a browser, in dark and light, and runs no script", async ({ expect }) => {
    const response = await start(BROWSER);
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toMatch(/^text\/html/);
    const html = await response.text();
    expect(html).toContain('<a href="/docs">');
    expect(html).toContain("color-scheme: light dark");
    expect(html).not.toMatch(/<script|\son\w+=|style=/);
  });

  it("allows its own style by digest, and nothing else", async ({ expect }) => {
    const response = await start(BROWSER);
    const [, style] = /<style>(.*?)<\/style>/s.exec(await response.text())!;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
    const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
    expect(response.headers.get("Content-Security-Policy")).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
  });
});
