import { parseArgs } from "node:util";
import { VARIANTS } from "../variants.ts";
import { startWorkerServer } from "../worker-server.ts";

// The process that is killed. It runs the variant that inserts into D1 in the request, with the given port and state.

const { state, port } = parseArgs({ options: { state: { type: "string" }, port: { type: "string" } } }).values;
const options = { ...VARIANTS.direct, state: state!, port: Number(port), mayEvict: true };
const { d1File } = await startWorkerServer(options);
console.log(JSON.stringify({ d1File }));
