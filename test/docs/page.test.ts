import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { CHROMIUM, launchChromium } from "../chromium.ts";
import { READ_KEY, startWorker, WRITE_KEY } from "../sdks/running-worker.ts";

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

// The timeout is long because a browser on a busy machine is slow.
describe.skipIf(!CHROMIUM)("the page in Chromium", { timeout: 60_000 }, () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  /** Opens the page, and records its requests to other hosts and its complaints. */
  async function open({ hash = "", ...options }: BrowserContextOptions & { hash?: string } = {}) {
    const page = await browser.newPage(options);
    const complaints: string[] = [];
    page.on("console", (line) => {
      if (line.type() === "error" || line.type() === "warning") complaints.push(line.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== worker.url && protocol !== "data:") complaints.push(`a request to ${request.url()}`);
    });
    await page.goto(`${worker.url}/docs${hash}`);
    await page.locator(".opblock").first().waitFor();
    return { page, complaints };
  }

  it("loads without a complaint and without a request to any other host", async ({ expect }) => {
    const { page, complaints } = await open();
    await page.waitForLoadState("networkidle");
    expect(await page.locator(".info .title").textContent()).toContain("Tracklog");
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("shows Tracklog's own routes first, and folds those of Segment's protocol", async ({ expect }) => {
    const { page } = await open();
    const tags = page.locator(".opblock-tag");
    expect(await tags.first().getAttribute("data-tag")).toBe("Tracking");
    expect(await tags.last().getAttribute("data-tag")).toBe("Segment's protocol");
    const folded = tags.and(page.locator('[data-is-open="false"]'));
    expect(await folded.evaluateAll((all) => all.map((tag) => tag.getAttribute("data-tag")))).toEqual([
      "Segment's protocol",
    ]);
    await folded.click();
    await page.locator('[data-path="/v1/batch"]').waitFor();
    await page.close();
  });

  it("opens what is folded for an address that leads into it", async ({ expect }) => {
    const { page } = await open({ hash: "#/Segment's%20protocol/messages" });
    const aliases = page.locator(".opblock.is-open .opblock-description");
    expect(await aliases.textContent()).toContain("/v1/import");
    await page.close();
  });

  it("says which kind of key an operation needs", async ({ expect }) => {
    const { page } = await open();
    const kindOf = (id: string) => page.locator(`#operations-${id} .key-kind`).allTextContents();
    expect(await kindOf("Tracking-track")).toEqual(["write key"]);
    expect(await kindOf("Users-timeline")).toEqual(["read key"]);
    expect(await kindOf("About-health")).toEqual([]);
    await page.close();
  });

  it("accepts both keys at once, and sends each request with the right one", async ({ expect }) => {
    const { page, complaints } = await open();
    await authorize(page, { writeKey: WRITE_KEY, readKey: READ_KEY });
    const tracked = await execute(page, "Tracking-track");
    expect(tracked).toMatchObject({ status: 200, key: `Bearer ${WRITE_KEY}`, body: { status: "created" } });
    const timeline = await execute(page, "Users-timeline", "user123");
    expect(timeline).toMatchObject({
      status: 200,
      key: `Bearer ${READ_KEY}`,
      body: {
        events: [
          {
            event: "event_name",
            timestamp: "2020-11-23T22:28:55.111Z",
            properties: { property1: "value1", property2: "value2" },
            source: "site",
          },
        ],
      },
    });
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("follows the reader's colour scheme, also when it changes", async ({ expect }) => {
    const { page } = await open({ colorScheme: "dark" });
    expect(await brightness(page)).toBeLessThan(64);
    await page.emulateMedia({ colorScheme: "light" });
    await page.locator("html:not(.dark-mode)").waitFor();
    expect(await brightness(page)).toBeGreaterThan(192);
    await page.close();
  });

  it("fits a phone, also when an operation is open", async ({ expect }) => {
    const { page } = await open({ viewport: { width: 390, height: 800 } });
    await page.locator("#operations-Tracking-track .opblock-summary-control").click();
    await page.locator("#operations-Tracking-track .responses-table").waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await page.close();
  });
});

async function authorize(page: Page, keys: Record<string, string>): Promise<void> {
  await page.locator(".btn.authorize").click();
  for (const [scheme, key] of Object.entries(keys)) {
    const form = page.locator(".auth-container", { hasText: scheme });
    await form.getByRole("textbox").fill(key);
    await form.locator("button[type=submit]").click();
  }
  await page.locator(".btn-done").first().click();
}

/** Unfolds an operation and executes it as its example has it, with its path's parameter filled in. */
async function execute(page: Page, id: string, parameter?: string) {
  const operation = page.locator(`#operations-${id}`);
  await operation.locator(".opblock-summary-control").click();
  if (parameter) await operation.locator(".parameters input").first().fill(parameter);
  const [response] = await Promise.all([
    page.waitForResponse((answer) => !answer.url().endsWith("/openapi.json")),
    operation.locator(".execute").click(),
  ]);
  await operation.locator(".live-responses-table").waitFor();
  const key = response.request().headers()["authorization"];
  return { status: response.status(), key, body: (await response.json()) as unknown };
}

/** The brightness of the text's background, from 0 to 255. */
function brightness(page: Page): Promise<number> {
  return page.locator(".swagger-ui").evaluate((element) => {
    const behind = [element, document.body, document.documentElement].map(
      (layer) => getComputedStyle(layer).backgroundColor,
    );
    const painted = behind.find((color) => color !== "rgba(0, 0, 0, 0)") ?? "rgb(255, 255, 255)";
    return Math.max(...painted.match(/\d+/g)!.map(Number).slice(0, 3));
  });
}
