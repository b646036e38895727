import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { MortalServer } from "../faults/mortal-server.ts";
import { Dice } from "./random.ts";
import { type FuzzRequest, RequestMaker, SECRET_KEY, SECRET_VALUE } from "./requests.ts";

// `npm run fuzz -- --requests N --seed S`: sends N requests of every kind to a running server, and holds it to four
// rules. No answer is a 5xx, besides the documented 503. No refusal repeats a value or a key. Nothing of a refused
// request is stored. The server's memory stays within bounds. A run is repeated with its seed.

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "20000" },
    seed: { type: "string", default: String(Date.now() % 1e9) },
  },
});
const total = Number(values.requests);
const seed = Number(values.seed);
const CONNECTIONS = 16;
const LOOK_UP_SHARE = 0.05;
const REPORT_EVERY = 10_000;

const state = mkdtempSync(join(tmpdir(), "tracklog-fuzz-"));
const server = await MortalServer.start(state);
process.once("exit", () => rmSync(state, { recursive: true, force: true }));
const violations: string[] = [];
const statuses = new Map<number, number>();
let peakMb = 0;

try {
  const description = (await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: Record<string, unknown> };
  const dice = new Dice(seed);
  const maker = new RequestMaker(dice, description);
  let sent = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (sent < total && violations.length < 20) {
        sent++;
        if (sent % REPORT_EVERY === 0) report(sent);
        await tryOut(maker.next(), dice.hits(LOOK_UP_SHARE));
      }
    }),
  );
  report(sent);
  const seconds = (performance.now() - began) / 1000;
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
  console.log(
    `${sent} requests in ${seconds.toFixed(0)} s, seed ${seed}; ${counts.join(", ")}; workerd's peak ${peakMb} MB`,
  );
  for (const violation of violations) console.error(`VIOLATION: ${violation}`);
  process.exitCode = violations.length > 0 ? 1 : 0;
} finally {
  await server.kill();
}

async function tryOut(request: FuzzRequest, isLookedUp: boolean): Promise<void> {
  const { method, path, headers, body, userId } = request;
  const answer = await fetch(`${server.url}${path}`, { method, headers, ...(body !== undefined && { body }) }).catch(
    (error: unknown) => {
      // What fetch itself will not send is no request.
      if (error instanceof TypeError && !(error.cause instanceof Error)) return null;
      violations.push(`no answer to ${method} ${path}: ${String((error as Error).cause ?? error)}`);
      return null;
    },
  );
  if (!answer) return;
  const text = await answer.text();
  statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
  const complain = (what: string) =>
    violations.push(`${what}: ${method} ${path} ${excerpt(body)} → ${text.slice(0, 300)}`);
  if (answer.status >= 500 && answer.status !== 503) complain(`a ${answer.status}`);
  if (answer.status >= 400 && text.includes(SECRET_VALUE)) complain("a value is repeated");
  if (text.includes(SECRET_KEY)) complain("a key is repeated");
  if (!isLookedUp || answer.status < 400 || answer.status === 429) return;
  const user = await fetch(`${server.url}/users/${userId}`);
  await user.arrayBuffer();
  if (user.status !== 404) complain(`a refused request was stored (${user.status})`);
}

function report(sent: number): void {
  peakMb = Math.max(peakMb, workerdMb());
  console.log(`${sent} of ${total}, ${workerdMb()} MB`);
}

/** The memory of the largest workerd among this process's descendants, in megabytes. */
function workerdMb(): number {
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parents = new Map(processes.flatMap((pid) => statusOf(pid, "PPid").map((parent) => [pid, parent] as const)));
  const isOurs = (pid: string): boolean =>
    pid === String(process.pid) || (parents.has(pid) && isOurs(parents.get(pid)!));
  const sizes = processes
    .filter((pid) => statusOf(pid, "Name")[0] === "workerd" && isOurs(pid))
    .flatMap((pid) => statusOf(pid, "VmRSS"));
  return Math.round(Math.max(0, ...sizes.map((size) => parseInt(size, 10))) / 1000);
}

function statusOf(pid: string, field: string): string[] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return [new RegExp(`^${field}:\\s*(.+)$`, "m").exec(status)![1]!];
  } catch {
    // The process is gone, or this system has no /proc.
    return [];
  }
}

function excerpt(body: FuzzRequest["body"]): string {
  if (body === undefined) return "";
  return typeof body === "string" ? body.slice(0, 300) : `${body.length} bytes`;
}
