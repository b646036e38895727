import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startWorker, WRITE_KEY } from "../sdks/running-worker.ts";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const isThere = existsSync(CHROMIUM);
if (!isThere) console.warn(`Skipped: the page in a browser. There is no Chromium at ${CHROMIUM}; set CHROMIUM to one.`);

/** No sandbox, for containers; the rest keeps Chromium from asking its maker for anything. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let worker: Awaited<ReturnType<typeof startWorker>>;

beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

describe("GET /docs", () => {
  it("is a page that may load nothing from elsewhere", async ({ expect }) => {
    const page = await fetch(`${worker.url}/docs`);
    expect(page.status).toBe(200);
    expect(page.headers.get("Content-Type")).toMatch(/^text\/html/);
    expect(page.headers.get("Content-Security-Policy")).toContain("default-src 'none'; script-src 'self';");
    expect(await page.text()).not.toMatch(/https?:/);
    const slash = await fetch(`${worker.url}/docs/`);
    expect(slash.url).toBe(`${worker.url}/docs`);
  });

  it.for(["/nowhere", "/docs/nothing", "/docs/index.html", "/docs.html", "/_headers"])(
    "leaves other paths to the Worker, whose 404 is a problem: %s",
    async (path, { expect }) => {
      const response = await fetch(worker.url + path);
      expect(response.status).toBe(404);
      expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    },
  );
});

describe.skipIf(!isThere)(
  `the page in ${isThere ? "Chromium" : `a browser (there is no Chromium at ${CHROMIUM})`}`,
  () => {
    let browser: Browser;

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    });
    afterAll(() => browser.close());

    /** Opens the page; notes what it asks other hosts for, and what it complains of. */
    async function open() {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on("console", (line) => {
        if (line.type() === "error" || line.type() === "warning") complaints.push(line.text());
      });
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("request", (request) => {
        const { origin, protocol } = new URL(request.url());
        if (origin !== worker.url && protocol !== "data:") complaints.push(`a request to ${request.url()}`);
      });
      await page.goto(`${worker.url}/docs`);
      await page.locator(".opblock").first().waitFor();
      return { page, complaints };
    }

    it("loads without a complaint and without a request to any other host", async ({ expect }) => {
      const { page, complaints } = await open();
      await page.waitForLoadState("networkidle");
      expect(await page.locator(".info .title").textContent()).toContain("Tracklog");
      expect(await page.locator(".opblock").count()).toBeGreaterThan(20);
      expect(complaints).toEqual([]);
      await page.close();
    });

    it("tracks the documentation's sample, once the key is given", async ({ expect }) => {
      const { page, complaints } = await open();
      await authorize(page, WRITE_KEY);
      const operation = page.locator("#operations-Tracking-track");
      await operation.locator(".opblock-summary").click();
      await operation.locator(".execute").click();
      const answer = operation.locator(".live-responses-table");
      await answer.waitFor();
      expect(await answer.locator(".response-col_status").last().textContent()).toContain("200");
      expect(await answer.textContent()).toContain('"status": "created"');
      expect(complaints).toEqual([]);
      await page.close();

      const timeline = await fetch(`${worker.url}/users/user123/events`);
      expect(await timeline.json()).toMatchObject({
        events: [
          {
            event: "event_name",
            timestamp: "2020-11-23T22:28:55.111Z",
            properties: { property1: "value1", property2: "value2" },
            source: "site",
          },
        ],
      });
    });
  },
);

async function authorize(page: Page, key: string): Promise<void> {
  await page.locator(".btn.authorize").click();
  await page.locator("#auth-bearer-value").fill(key);
  await page.locator(".auth-container", { hasText: "bearer" }).locator("button[type=submit]").click();
  await page.locator(".btn-done").first().click();
}
