import { setTimeout as sleep } from "node:timers/promises";
import { askDeployment, fail } from "./ask-deployment.ts";
import { parseOptions } from "./parse-options.ts";

// `npm run rebuild -- [--url URL] [--key KEY] [--database DB] [--restart]`: fills a D1 database from the users' logs.
// It can be stopped at any time and continues when it is started again; `--restart` starts from the beginning.

const MAX_TRIES = 10;
const BAR_CHARACTERS = 30;

interface Progress {
  stage: "erasures" | "sweep" | "users" | "archive" | "done";
  erasures: number;
  users: number;
  total_users: number;
  events: number;
}

const options = {
  url: { type: "string", default: "http://localhost:8787" },
  key: { type: "string" },
  database: { type: "string", default: "DB" },
  restart: { type: "boolean", default: false },
} as const;

const { url, key, database, restart } = parseOptions({ options }).values;

const path = `/rebuild?database=${encodeURIComponent(database)}`;
let tries = 0;
for (let isFirst = true; ; isFirst = false) {
  const { status, body } = await askDeployment(url, "POST", isFirst && restart ? `${path}&restart=true` : path, key);
  const progress = body as unknown as Progress;
  if (status === 503 && ++tries < MAX_TRIES) {
    await sleep(1_000 * tries);
    continue;
  }
  if (status !== 200) fail(typeof body["detail"] === "string" ? body["detail"] : `The answer was ${status}`);
  tries = 0;
  show(progress);
  if (progress.stage === "done") break;
}
if (process.stdout.isTTY) process.stdout.write("\n");

function show({ stage, users, total_users, events, erasures }: Progress): void {
  const share = stage === "done" ? 1 : total_users === 0 ? 0 : Math.min(1, users / total_users);
  const bar = "█".repeat(Math.round(share * BAR_CHARACTERS)).padEnd(BAR_CHARACTERS, "░");
  const what = stage === "users" || stage === "done" ? `${users}/${total_users} users, ${events} events` : stage;
  const line = `${database} ${bar} ${what}${erasures > 0 ? `, ${erasures} erasures` : ""}`;
  process.stdout.write(process.stdout.isTTY ? `\r${line}` : `${line}\n`);
}
