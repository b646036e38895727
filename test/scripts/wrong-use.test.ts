import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "vitest";
import { scripts } from "../../package.json";
import { runScript } from "./run-script.ts";

/** The files that `npm run` starts with the project's own Node, each with its script's name. */
const FILES = Object.entries(scripts).flatMap(([name, command]) => {
  const [, file] = /^node (\S+\.ts)$/.exec(command) ?? [];
  return file === undefined ? [] : [[name, file] as const];
});

/** An address at which no server listens. */
async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

describe("a script", () => {
  it.for(FILES)("ends with one line if a flag is unknown: npm run %s", async ([, file], { expect }) => {
    const { code, output, errors } = await runScript(file, ["--no-such-flag"]);
    expect(code).toBe(1);
    expect(output).toBe("");
    expect(errors).toMatch(/^Unknown option '--no-such-flag'\..*\n$/);
  });

  it.for([
    ["scripts/rebuild.ts", []],
    ["scripts/query.ts", ["SELECT 1"]],
  ] as [string, string[]][])("ends with one line if no server answers: %s", async ([file, args], { expect }) => {
    const url = await freeAddress();
    const { code, errors } = await runScript(file, ["--url", url, ...args]);
    expect(code).toBe(1);
    expect(errors).toMatch(new RegExp(`^${url} cannot be reached: .*ECONNREFUSED.*\\n$`));
  });

  it.for([
    ["scripts/rebuild.ts", []],
    ["scripts/query.ts", ["SELECT 1"]],
  ] as [string, string[]][])("ends with one line if --url is not an address: %s", async ([file, args], { expect }) => {
    const { code, errors } = await runScript(file, ["--url", "localhost", ...args]);
    expect(code).toBe(1);
    expect(errors).toBe("--url must be an address such as http://localhost:8787\n");
  });
});
