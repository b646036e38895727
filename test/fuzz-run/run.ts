import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fail } from "../../scripts/ask-deployment.ts";
import { parseOptions } from "../../scripts/parse-options.ts";
import { startWorkerServer } from "../../bench/worker-server.ts";
import { findWorkerd, memoryOf } from "../../bench/workerd-process.ts";
import { Connection, type Exchange } from "./connection.ts";
import { DescribedAnswers } from "./described-answers.ts";
import { type Description, readingsOf, type Route, routesOf } from "./description.ts";
import { curlOf, type FuzzRequest, wireOf } from "./fuzz-request.ts";
import { HeapProbe } from "./heap-probe.ts";
import { type Fault, Judge } from "./judge.ts";
import { Fates, keysIn, marksIn, READ_KEYS, WRITE_KEYS } from "./marks.ts";
import { RequestMaker } from "./request-maker.ts";
import { shrink } from "./shrink.ts";
import { storedMarks } from "./stored-marks.ts";

// `npm run fuzz -- --requests N --seed S` sends N requests of every kind to a running server, and checks the rules of
// CONTRIBUTING.md. `--only I` sends only the I-th request of that seed.

const MAX_HEAP_MB = 128;
const MAX_VIOLATIONS = 10;
/** A run of this many requests uses every route, the rarest about ten times. */
const ALL_ROUTES_REQUESTS = 400_000;
const CONNECTIONS = 32;
/** Enough room for the state after a million requests. */
const MIN_MEMORY_BYTES = 8_000_000_000;
const REPORT_EVERY = 10_000;
/** Memory is judged only after these requests, because code is compiled and caches fill. A multiple of REPORT_EVERY. */
const WARM_UP_REQUESTS = 20_000;
/** Within this time, accepted events are copied to D1, and rejections are noted there. */
const SETTLE_MS = 5_000;

const { values } = parseOptions({
  options: { requests: { type: "string", default: "20000" }, seed: { type: "string" }, only: { type: "string" } },
});
const total = wholeNumber("requests", values.requests, 1);
const seed = values.seed === undefined ? Date.now() % 1e9 : wholeNumber("seed", values.seed, 0);
const only = values.only === undefined ? null : wholeNumber("only", values.only, 0);

const state = mkdtempSync(join(roomInMemory() ?? tmpdir(), "tracklog-fuzz-"));
process.once("exit", () => rmSync(state, { recursive: true, force: true }));
const logged: string[] = [];
// The server serves this file, which does not exist after a fresh checkout.
execFileSync(process.execPath, [join(import.meta.dirname, "../../scripts/build-openapi.mjs")], { stdio: "inherit" });
const server = await startWorkerServer({
  entry: "src/index.ts",
  migrations: "src/d1/migrations",
  state,
  mayEvict: true,
  hasPages: true,
  hasArchive: true,
  isInspected: true,
  onLog: (line) => logged.push(line),
  vars: {
    OPEN: "false",
    WRITE_KEYS: WRITE_KEYS.map((key, i) => `site${i}:${key}`).join(","),
    READ_KEYS: READ_KEYS.map((key, i) => `team${i}:${key}`).join(","),
    ALLOWED_ORIGINS: "https://shop.example,null",
    RATE_LIMIT_EVENTS_PER_SECOND: "100",
    RATE_LIMIT_BURST_EVENTS: "1000",
    ENRICH: "geo,device",
  },
});
const origin = server.url.origin;
const violations: { what: string; request: FuzzRequest | null }[] = [];
const statuses = new Map<string, number>();
const fates = new Fates();
const asked = new Set<string>();
const logKinds = new Map<string, number>();
let peakHeapMb = 0;

let maker: RequestMaker;
let routes: Route[];
try {
  const description = (await (await fetch(`${origin}/openapi.json`)).json()) as Description;
  maker = new RequestMaker(seed, description);
  routes = routesOf(description);
  const judge = new Judge(new DescribedAnswers(description), fates);
  if (only === null) await run(judge);
  else await sendAlone(maker.make(only), judge);
} finally {
  await server.stop();
}
// This comes after the server has stopped, when everything is written and every file is closed.
if (only === null) await checkStorage();
console.log(`Log lines: ${counted(logKinds) || "none"}.`);
for (const { what, request } of violations) {
  console.error(`VIOLATION ${what}\n  seed ${seed}${request ? `, request ${request.index}` : ""}`);
  if (request)
    console.error(
      `  ${curlOf(origin, request)}\n  to repeat it: npm run fuzz -- --seed ${seed} --only ${request.index}`,
    );
}
process.exitCode = violations.length > 0 ? 1 : 0;

async function run(judge: Judge): Promise<void> {
  // On some systems a process's memory cannot be read. The isolate's heap can be measured everywhere.
  const workerd = existsSync("/proc/self/status") ? await findWorkerd(state) : null;
  const memory = async () => (workerd === null ? null : await memoryOf(workerd));
  const heap = await HeapProbe.open(await server.inspector());
  const began = performance.now();
  let sent = 0;
  let baseMb = 0;
  const look = async () => {
    peakHeapMb = Math.max(peakHeapMb, await heap.liveMb());
    checkLog();
  };
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const connection = new Connection(server.url);
      while (sent < total && violations.length < MAX_VIOLATIONS) {
        const index = sent++;
        if (index > 0 && index % REPORT_EVERY === 0) {
          await look();
          // The heap has just been collected, as at the end.
          if (index === WARM_UP_REQUESTS) baseMb = (await memory())?.nowMb ?? 0;
          const perSecond = Math.round(index / ((performance.now() - began) / 1000));
          console.log(
            `${index} of ${total}, ${perSecond}/s, ${megabytes((await memory())?.nowMb)}, live heap at most ${peakHeapMb} MB`,
          );
        }
        await tryOut(maker.make(index), connection, judge);
      }
      connection.close();
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  await look();
  heap.close();
  const atEnd = await memory();
  if (peakHeapMb > MAX_HEAP_MB)
    violate(`the isolate's heap had ${peakHeapMb} MB in use, but at most ${MAX_HEAP_MB} MB are allowed`);
  await checkThatItAnswers();
  if (total >= ALL_ROUTES_REQUESTS) checkRoutes();
  console.log(
    `${sent} requests in ${seconds.toFixed(0)} s, seed ${seed}; ${counted(statuses)}.\n` +
      `${fates.taken} accepted in full, ${fates.refused} refused. Memory: live heap at most ${peakHeapMb} MB; process ` +
      `${baseMb > 0 ? `${megabytes(baseMb)} after ${WARM_UP_REQUESTS} requests, ` : ""}${megabytes(atEnd?.nowMb)} at the ` +
      `end, at most ${megabytes(atEnd?.peakMb)}.`,
  );
}

async function tryOut(request: FuzzRequest, connection: Connection, judge: Judge): Promise<void> {
  const exchange = await sendOver(connection, request);
  count(statuses, exchange.ok ? String(exchange.answer.status) : exchange.fault);
  for (const route of readingsOf(routes, request.target).flat())
    if (route.method === request.method) asked.add(nameOf(route));
  const fault = judge.faultOf(request, exchange);
  if (exchange.ok) judge.note(request, exchange.answer);
  if (fault) violate(`${fault.kind}: ${fault.detail}`, await smallest(request, fault, judge));
}

function sendOver(connection: Connection, request: FuzzRequest): Promise<Exchange> {
  return connection.send(wireOf(request), {
    isHead: request.method === "HEAD",
    mayStream: /^[^?]*\/live/.test(request.target),
    isIncomplete: request.framing === "cut",
  });
}

async function smallest(request: FuzzRequest, { kind }: Fault, judge: Judge): Promise<FuzzRequest> {
  if (violations.length > 3) return request;
  const connection = new Connection(server.url);
  const smaller = await shrink(request, async (candidate) => {
    return judge.faultOf(candidate, await sendOver(connection, candidate))?.kind === kind;
  });
  connection.close();
  return smaller;
}

async function sendAlone(request: FuzzRequest, judge: Judge): Promise<void> {
  console.log(curlOf(origin, request));
  const exchange = await sendOver(new Connection(server.url), request);
  console.log(exchange.ok ? `${exchange.answer.status} ${exchange.answer.body.toString("utf8")}` : exchange.fault);
  const fault = judge.faultOf(request, exchange);
  if (fault) violate(`${fault.kind}: ${fault.detail}`, request);
}

/** Checks that no line of the log contains a value or a key, whether it was accepted or not. */
function checkLog(): void {
  for (const line of logged.splice(0)) {
    const [, kind] = /"(?:message|event|kind)":\s*"([\w-]+)"/.exec(line) ?? [];
    count(logKinds, kind ?? line.slice(0, 80));
    const [mark] = marksIn(line);
    if (mark) violate(`a value is in the log: ${line.slice(0, 500)}`, maker.make(mark.index));
    else if (keysIn(line).length > 0) violate(`a key is in the log: ${line.slice(0, 500)}`);
  }
}

function checkRoutes(): void {
  const left = routes.map(nameOf).filter((name) => !asked.has(name));
  if (left.length > 0) violate(`no request used ${left.join(", ")}`);
}

function nameOf({ method, template }: Route): string {
  return `${method} ${template}`;
}

/** Checks that the server still works. */
async function checkThatItAnswers(): Promise<void> {
  const user = `after-${seed}`;
  const event = { event: "after", user_id: user, timestamp: "2026-01-02T03:04:05Z", properties: { mark: "zq-after" } };
  const [write, read] = [WRITE_KEYS, READ_KEYS].map(([key]) => ({ Authorization: `Bearer ${key}` }));
  const answers = [
    await fetch(`${origin}/track`, { method: "POST", headers: write!, body: JSON.stringify(event) }),
    await fetch(`${origin}/users/${user}/events`, { headers: read! }),
    await fetch(`${origin}/health`),
  ];
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  if (answers[0]!.status !== 200 || !texts[1]!.includes("zq-after") || answers[2]!.status !== 200)
    violate(`afterwards the server answers ${texts.map((text) => text.slice(0, 300)).join(" and ")}`);
}

/** Checks that no file of the server contains a refused value or a key. */
async function checkStorage(): Promise<void> {
  const { bytes, marks, keys } = await storedMarks(state);
  const refused = marks.filter(({ mark }) => fates.isRefused(mark));
  console.log(`${(bytes / 1e6).toFixed(0)} MB on disk hold ${marks.length} values, ${refused.length} of them refused.`);
  for (const { mark, file } of refused.slice(0, MAX_VIOLATIONS))
    violate(`a refused value was stored in ${relative(state, file)}`, maker.make(mark.index));
  for (const { key, file } of keys) violate(`the key ${key} was stored in ${relative(state, file)}`);
  if (marks.length < fates.taken / 20) violate(`only ${marks.length} values were found, so the search proves nothing`);
}

function violate(what: string, request: FuzzRequest | null = null): void {
  violations.push({ what, request });
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function counted(counts: Map<string, number>): string {
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, times]) => `${name}: ${times}`)
    .join(", ");
}

function megabytes(size: number | undefined): string {
  return size === undefined ? "unknown MB" : `${Math.round(size)} MB`;
}

function wholeNumber(option: string, text: string, least: number): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least)
    fail(`--${option} must be a whole number from ${least} to 999999999, not '${text}'.`);
  return Number(text);
}

/** A folder in memory, if there is one with enough room, because fsync on a disk would slow down the run. */
function roomInMemory(): string | null {
  const folder = "/dev/shm";
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= MIN_MEMORY_BYTES ? folder : null;
  } catch {
    return null;
  }
}
