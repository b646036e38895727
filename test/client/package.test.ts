import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, it } from "vitest";

/** The client with all that it needs, minified, as a page loads it. */
const MAX_GZIPPED_BYTES = 3_000;

describe("the package", () => {
  let folder: string;
  /** Where a team's project finds it. */
  let installed: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tracklog-client-"));
    installed = join(folder, "node_modules/@tracklog/client");
    run("npm", ["pack", "--pack-destination", folder], "client");
    run("mkdir", ["-p", installed], folder);
    run("tar", ["-xzf", join(folder, "tracklog-client-0.1.0.tgz"), "-C", installed, "--strip-components=1"], folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.for(["dist/index.js", "dist/t.js"])("has a %s of less than 3 KB gzipped", (file, { expect }) => {
    expect(gzipSync(readFileSync(join(installed, file)), { level: 9 }).length).toBeLessThan(MAX_GZIPPED_BYTES);
  });

  it("depends on nothing, and only on types of the platform", ({ expect }) => {
    const { dependencies } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
      dependencies?: object;
    };
    expect(dependencies).toBeUndefined();
    writeFileSync(
      join(folder, "use.mts"),
      `import { createClient } from "@tracklog/client";
       const { track } = createClient<{ signed_up: { plan: string } }>({ url: "https://tracklog.test" });
       track("signed_up", { plan: "pro" });
       // @ts-expect-error there is no such event
       track("signed_in");`,
    );
    check(["use.mts"], folder);
  });

  it("is used in the documentation as its types allow", ({ expect }) => {
    const section = /^## The client\n(.+?)^## /ms.exec(readFileSync("docs/integrating.md", "utf8"))![1]!;
    const examples = [...section.matchAll(/^```(tsx?)\n(.+?)^```/gms)];
    expect(examples).toHaveLength(4);
    examples.forEach(([, extension, source], i) => writeFileSync(join(folder, `example-${i}.${extension!}`), source!));
    writeFileSync(
      join(folder, "others.d.ts"),
      `declare module "react" { export function useEffect(effect: () => void, dependencies: unknown[]): void; }
       declare const process: {
         env: { TRACKLOG_KEY: string };
         once(signal: string, handle: () => Promise<void>): void;
         exit(code: number): void;
       };`,
    );
    const files = examples.map(([, extension], i) => `example-${i}.${extension!}`);
    check(["others.d.ts", ...files], folder);
  });

  it("runs after it is installed", ({ expect }) => {
    const source = `import { createClient } from "@tracklog/client";
      const client = createClient({ url: "http://127.0.0.1:9", maxQueueEvents: 0, onDrop: ({ event }, why) => console.log(event, why) });
      client.track("e");`;
    writeFileSync(join(folder, "use.mjs"), source);
    expect(run(process.execPath, ["use.mjs"], folder)).toBe("e full\n");
  });
});

/** Throws, with what is wrong printed, if the compiler complains. */
function check(files: string[], folder: string): void {
  const flags = [
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--lib",
    "esnext,dom",
    "--types",
    "",
    "--jsx",
    "preserve",
  ];
  const tsc = join(process.cwd(), "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, ...flags, ...files], { cwd: folder, stdio: "inherit" });
}

function run(command: string, options: string[], cwd: string): string {
  return execFileSync(command, options, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}
