import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { READ_KEY, WRITE_KEY } from "../sdks/running-worker.ts";

export interface OpenPage {
  page: Page;
  /** What the page wrote to the console, what it threw, and what it asked other hosts for. */
  complaints: string[];
}

/** `prepare` is called before the page is loaded. */
type OpenOptions = BrowserContextOptions & { prepare?: (page: Page) => Promise<void> };

/** Opens a page of a running Worker and enters the read key, as a person does. */
export async function openPage(
  browser: Browser,
  url: string,
  path: string,
  { prepare, ...options }: OpenOptions = {},
): Promise<OpenPage> {
  const page = await browser.newPage(options);
  await prepare?.(page);
  const complaints: string[] = [];
  page.on("console", (line) => complaints.push(line.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(`a dialogue: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const { host, protocol } = new URL(request.url());
    if (host !== new URL(url).host && protocol !== "data:") complaints.push(`a request to ${request.url()}`);
  });
  await page.goto(url + path);
  await page.locator("input[name=key]").fill(READ_KEY);
  await page.locator("button[type=submit]").click();
  return { page, complaints };
}

/** Sends a body to a path as an app does. */
export function send(url: string, path: string, body: unknown): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(url + path, { method: "POST", body: text, headers: { Authorization: `Bearer ${WRITE_KEY}` } });
}

/** A valid event. */
export function anEvent(user: string, changes: Record<string, unknown> = {}) {
  return { event: "signed_up", user_id: user, timestamp: "2026-01-02T03:04:05.678Z", properties: {}, ...changes };
}

/** Texts that would do harm, or leave a trace, if they were taken for markup, a template or a pattern. */
export const HOSTILE = [
  `<img src=x onerror="alert('img')">`,
  `"><script>alert("script")</script>`,
  "javascript:alert('link')",
  "${alert(1)} {{alert(2)}} </style><svg onload=alert(3)>",
  "‮txt.exe \u0007 %00 %2e%2e/ 'quote\" `tick`",
];
