import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** False where there is no Chromium, with a line that says so. A run of CI must not pass without one. */
export const hasChromium = existsSync(CHROMIUM);
if (!hasChromium) {
  const message = `There is no Chromium at ${CHROMIUM}; set CHROMIUM to one.`;
  if (process.env["CI"] === "true") throw new Error(message);
  console.warn(`Skipped: the client in a browser. ${message}`);
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

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}
