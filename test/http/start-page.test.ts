import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { app } from "../../src/app.ts";
import { version } from "../../package.json";

/** As Chromium and Firefox ask for a page. */
const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

function start(accept?: string, settings: Partial<Env> = { OPEN: "false" }) {
  return app.request("https://tracklog.test/", accept === undefined ? {} : { headers: { Accept: accept } }, {
    ...env,
    ...settings,
  });
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

  it("is a page for a browser, without an inline script or anybody's events", async ({ expect }) => {
    const response = await start(BROWSER);
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toMatch(/^text\/html/);
    const html = await response.text();
    expect(html).toContain('<a href="/docs">');
    expect(html).not.toMatch(/<script(?! type="module" src="\/ui)|<style|\son\w+=|style=|https?:/);
  });

  it("allows only scripts and styles from its own files, and no markup made by scripts", async ({ expect }) => {
    const policy = (await start(BROWSER)).headers.get("Content-Security-Policy");
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; img-src data:;");
    expect(policy).toContain("frame-ancestors 'none'; require-trusted-types-for 'script'");
  });
});
