import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, it, vi } from "vitest";
import { WRITE_KEY } from "../sdks/running-worker.ts";
import { rowsOf } from "./arrived.ts";
import { type Setting, startSetting } from "./browser.ts";
import { CHROMIUM } from "../chromium.ts";

describe.skipIf(!CHROMIUM)("/t.js", () => {
  let setting: Setting;
  beforeAll(async () => {
    setting = await startSetting();
  });
  afterAll(() => setting.close());

  /** Opens a page with the script, whose tag has these attributes as well. */
  async function open(attributes: string, path = "/", before = () => {}) {
    setting.site.head.html = `<script defer src="${setting.worker.url}/t.js" data-key="${WRITE_KEY}" ${attributes}></script>`;
    const page = await (await setting.browser.newContext()).newPage();
    await page.addInitScript(before);
    const complaints: string[] = [];
    page.on("console", (line) => complaints.push(line.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(setting.site.url + path);
    await page.waitForFunction(() => window.tracklog !== undefined);
    return { page, complaints };
  }

  it("may be loaded by any page, and is asked for again after an hour", async ({ expect }) => {
    const { status, headers } = await fetch(`${setting.worker.url}/t.js`);
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": expect.stringMatching(/^(text|application)\/javascript/) as string,
      "access-control-allow-origin": "*",
      "cross-origin-resource-policy": "cross-origin",
      "cache-control": "public, max-age=3600, stale-while-revalidate=86400",
      etag: expect.any(String) as string,
    });
  });

  it("sends a page event for the page and for every move of its history, and no other", async ({ expect }) => {
    const userId = `u-${randomUUID()}`;
    const { page, complaints } = await open(`data-page data-user-id="${userId}"`, "/start?utm_source=x");
    await page.evaluate(async () => {
      history.replaceState({ kept: true }, ""); // as routers do when they start
      location.hash = "place";
      for (const path of ["/second", "/third"]) {
        history.pushState(null, "", path);
        document.title = `At ${path}`;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      history.back();
    });
    await page.waitForURL("**/second");
    const rows = await rowsOf(setting.worker, userId, 4);
    const { url } = setting.site;
    expect(rows.map(({ event, properties }) => [event, JSON.parse(properties)])).toMatchObject([
      [
        "page",
        { path: "/start", search: "?utm_source=x", url: `${url}/start?utm_source=x`, title: "A page", referrer: "" },
      ],
      ["page", { path: "/second", title: "At /second", referrer: `${url}/start?utm_source=x` }],
      ["page", { path: "/third", title: "At /third", referrer: `${url}/second` }],
      ["page", { path: "/second", referrer: `${url}/third` }],
    ]);
    expect(complaints).toEqual([]);
  });

  it("needs no user: its id lasts as long as the page, or is kept if asked for", async ({ expect }) => {
    const { page } = await open("data-page", "/nobody");
    await page.evaluate(() => window.tracklog.track("clicked"));
    await page.close();
    /** The rows of a page's visitor, once there are two. */
    const ofPage = async (path: string) =>
      vi.waitFor(
        async () => {
          const rows = await setting.worker.rows();
          const first = rows.find(({ properties }) => properties.includes(`"path":"${path}"`));
          const same = rows.filter(({ user_id }) => user_id === first?.user_id);
          expect(same.length).toBeGreaterThanOrEqual(2);
          return same;
        },
        { timeout: 30_000, interval: 100 },
      );
    expect((await ofPage("/nobody")).map(({ event }) => event)).toEqual(["page", "clicked"]);

    const { page: kept } = await open("data-page data-anonymous", "/kept-1");
    await kept.goto(`${setting.site.url}/kept-2`);
    const paths = (await ofPage("/kept-1")).map(({ properties }) => (JSON.parse(properties) as { path: string }).path);
    expect(paths).toEqual(["/kept-1", "/kept-2"]);
  });

  it("does not take a prerendered page for a visit", async ({ expect }) => {
    const userId = `u-${randomUUID()}`;
    const { page } = await open(`data-user-id="${userId}" data-page`, "/ahead", () =>
      Object.defineProperty(document, "prerendering", { value: true }),
    );
    expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);
    await page.evaluate(() => document.dispatchEvent(new Event("prerenderingchange")));
    expect((await rowsOf(setting.worker, userId, 1)).map(({ event }) => event)).toEqual(["page"]);
  });

  it("sends no page events, and nothing at all without consent, unless the tag says so", async ({ expect }) => {
    const userId = `u-${randomUUID()}`;
    const { page } = await open(`data-user-id="${userId}" data-page data-consent="queue"`, "/queued");
    const { page: other } = await open(`data-user-id="${userId}"`, "/no-page-events");
    await other.evaluate(() => window.tracklog.track("clicked"));
    expect(await other.evaluate(() => window.tracklog.flush())).toBe(true);
    expect((await rowsOf(setting.worker, userId, 1)).map(({ event }) => event)).toEqual(["clicked"]);
    await page.evaluate(() => window.tracklog.consent("send"));
    expect((await rowsOf(setting.worker, userId, 2)).map(({ event }) => event)).toEqual(["clicked", "page"]);
  });
});
