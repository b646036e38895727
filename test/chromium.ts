import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

// Chromium as the tests of pages use it: the machine's own, since npm brings none.

const path = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Where Chromium is, or null on a machine that has none: what needs it is skipped there. */
export const CHROMIUM = existsSync(path) ? path : null;

if (!CHROMIUM) {
  const missing = `There is no Chromium at ${path}. Install one, or set CHROMIUM to where it is.`;
  // What is skipped in CI would be taken for tested.
  if (process.env["CI"] === "true") throw new Error(missing);
  console.warn(`Skipped: the tests in a browser. ${missing}`);
}

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

/** Starts a browser, which the caller closes. Rejects if Chromium does not start. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: path, args: FLAGS, timeout: 60_000 });
}
