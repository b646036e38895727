import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

// The Chromium for the tests of pages: the machine's own, because npm has none.

const path = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** The path of Chromium, or null on a machine that has none, if tests that need it are skipped. */
export const CHROMIUM = existsSync(path) ? path : null;

if (!CHROMIUM) {
  const missing = `There is no Chromium at ${path}. Install one, or set CHROMIUM to its path.`;
  // In CI a skipped test would be taken for a passed one.
  if (process.env["CI"] === "true") throw new Error(missing);
  console.warn(`Skipped: the tests in a browser. ${missing}`);
}

/** Containers need no-sandbox; the other flags keep Chromium from contacting its maker. */
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
