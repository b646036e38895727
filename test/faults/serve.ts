import { parseArgs } from "node:util";
import { startWorkerServer } from "../../bench/worker-server.ts";

// The process that is killed. It runs Tracklog with the given port and state.

const { values } = parseArgs({
  options: { state: { type: "string" }, port: { type: "string" }, "clock-back": { type: "boolean" } },
});
if (values.state === undefined) throw new Error("--state is missing");

const { d1File } = await startWorkerServer({
  entry: values["clock-back"] ? "test/faults/worker/an-hour-before.ts" : "src/index.ts",
  migrations: "src/d1/migrations",
  state: values.state,
  port: Number(values.port),
  mayEvict: true,
});
console.log(JSON.stringify({ d1File }));
