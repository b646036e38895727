import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import { fail } from "./ask-deployment.ts";
import { parseOptions } from "./parse-options.ts";

// `npm run tail -- [--url URL] [--key KEY] [--verdict …] [--event …] [--user …] [--source …] [--text …] [--json]`: shows
// events in a terminal as they arrive, and connects again when the connection is lost. `--source` is a write key's name.

const MAX_WAIT_MS = 10_000;

/** A line of GET /live, with the fields that are shown here. */
type Line =
  | { type: "left_out"; events: number }
  | { type: "d1" }
  | {
      type: "verdict";
      verdict: "created" | "updated" | "duplicate" | "suppressed" | "rejected";
      event: string | null;
      user_id: string | null;
      key: string | null;
      path: string;
      received_at: string;
      log_ms: number;
      properties?: Record<string, unknown> | null;
      change?: Record<string, Record<string, { before?: unknown; after: unknown }>>;
      errors?: { pointer: string; detail: string }[];
    };

const COLORS = {
  created: "green",
  updated: "blue",
  duplicate: "gray",
  suppressed: "magenta",
  rejected: "red",
} as const;

const options = {
  url: { type: "string", default: "http://localhost:8787" },
  key: { type: "string" },
  verdict: { type: "string" },
  event: { type: "string" },
  user: { type: "string" },
  source: { type: "string" },
  text: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

const { url, key, json, verdict, event, user, source, text } = parseOptions({ options }).values;

const target = URL.parse("/live", url);
if (!target || !/^https?:$/.test(target.protocol)) fail("--url must be an address such as http://localhost:8787");
for (const [name, value] of Object.entries({ verdict, event, user_id: user, key: source, text }))
  if (value !== undefined) target.searchParams.set(name, value);

for (let failures = 0; ; failures++) {
  const wasConnected = await follow(target);
  if (wasConnected) failures = 0;
  const wait = Math.min(MAX_WAIT_MS, 500 * 2 ** failures);
  console.error(styleText("gray", `No connection to ${target.origin}: trying again in ${Math.ceil(wait / 1_000)} s`));
  await sleep(wait);
}

/** Prints what arrives until the connection is lost. Returns whether there was a connection. */
async function follow(address: URL): Promise<boolean> {
  let isConnected = false;
  try {
    const headers = { Accept: "application/x-ndjson", ...(key && { Authorization: `Bearer ${key}` }) };
    const response = await fetch(address, { headers });
    if (response.status >= 400 && response.status < 500)
      fail(((await response.json()) as { detail?: string }).detail ?? `The answer was ${response.status}`);
    if (!response.ok || !response.body) return false;
    isConnected = true;
    console.error(styleText("gray", `Watching ${address.origin}. Ctrl+C ends it.`));
    let rest = "";
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line !== "") show(line);
    }
  } catch {
    // A network fault counts as the end of the connection.
  }
  return isConnected;
}

function show(line: string): void {
  if (json) return console.log(line);
  const parsed = JSON.parse(line) as Line;
  if (parsed.type === "left_out") console.log(styleText("gray", `… ${parsed.events} left out: too many to show`));
  if (parsed.type !== "verdict") return;
  const time = new Date(parsed.received_at).toLocaleTimeString(undefined, { hour12: false });
  const parts = [
    styleText("gray", time),
    styleText(COLORS[parsed.verdict], parsed.verdict.padEnd(10)),
    styleText("bold", clean(parsed.event ?? parsed.path)),
    clean(parsed.user_id ?? ""),
    styleText("gray", `${parsed.key === null ? "" : `${parsed.key} `}${parsed.log_ms} ms`),
    styleText(parsed.verdict === "rejected" ? "red" : "gray", clean(gistOf(parsed))),
  ];
  console.log(parts.filter((part) => part !== "").join("  "));
}

function gistOf({ errors, change, properties }: Line & { type: "verdict" }): string {
  if (errors) return errors.map(({ pointer, detail }) => `${pointer} ${detail}`.trim()).join(", ");
  const changes = Object.values(change ?? {}).flatMap((keys) =>
    Object.entries(keys).map(
      ([name, { before, after }]) => `${name}: ${JSON.stringify(before) ?? ""} → ${JSON.stringify(after)}`,
    ),
  );
  if (changes.length > 0) return changes.join(", ");
  return properties && Object.keys(properties).length > 0 ? JSON.stringify(properties).slice(0, 120) : "";
}

/** Replaces control characters, because a client's text must not move the cursor or set the terminal's title. */
function clean(shown: string): string {
  return shown.replaceAll(/[\p{Cc}\p{Cf}]/gu, "�");
}
