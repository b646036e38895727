import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startWorkerServer } from "../../bench/worker-server.ts";
import { smallerLimits } from "./smaller-limits.ts";

// The process that is killed. It runs Tracklog with bindings that can be made to fail. A line on the standard input names
// an object to evict.

const { values } = parseArgs({
  options: {
    state: { type: "string" },
    port: { type: "string" },
    clock: { type: "string", default: "0" },
    closed: { type: "string", default: "" },
    "real-limits": { type: "boolean" },
  },
});
if (values.state === undefined) throw new Error("--state is missing");

const { d1Files, evict } = await startWorkerServer({
  entry: "test/history/worker/entry.ts",
  migrations: "src/d1/migrations",
  state: values.state,
  port: Number(values.port),
  mayEvict: true,
  isSilent: true,
  vars: { D1_DAYS: "1", CLOCK_OFFSET_MS: values.clock, CLOSED_DATABASES: values.closed },
  moreDatabases: ["DB_1"],
  hasArchive: true,
  plugins: values["real-limits"] ? [] : [smallerLimits()],
});
console.log(JSON.stringify({ d1Files }));

for await (const line of createInterface(process.stdin)) {
  const { className, name } = JSON.parse(line) as { className: string; name: string };
  // The object may not be running, and then there is nothing to evict.
  await evict(className, name).catch(() => {});
}
