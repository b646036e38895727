import { describe, it } from "vitest";
import exampleSecrets from "../.dev.vars.example?raw";
import { cloudflare, scripts } from "../package.json";
import bindings from "../src/env.d.ts?raw";
import { parseKeys } from "../src/http/keys.ts";
import wrangler from "../wrangler.toml?raw";

describe("what the deploy button shows", () => {
  it("has a description for every binding, and for nothing else", ({ expect }) => {
    const bound = /interface __BaseEnv_Env \{(.*?)\n\}/s.exec(bindings)![1]!.matchAll(/^\t(\w+): /gm);
    expect(Object.keys(cloudflare.bindings).sort()).toEqual([...bound].map(([, name]) => name!).sort());
  });

  it("has an example of every secret that admits nobody until it is filled in", ({ expect }) => {
    const examples = [...exampleSecrets.matchAll(/^(\w+)="(.*)"$/gm)].map(([, name, value]) => [name, value!] as const);
    expect(examples.map(([name]) => name)).toEqual(["WRITE_KEYS", "READ_KEYS"]);
    for (const [, value] of examples) {
      expect(parseKeys(value)).toMatchObject({ ok: false });
      expect(parseKeys(value.replace(/<.*>/, "5f0c2d"))).toMatchObject({ ok: true });
    }
  });
});

describe("npm run dev", () => {
  it("leaves the port to wrangler.toml, so that --port is given once", ({ expect }) => {
    expect(wrangler).toMatch(/^\[dev\]\nport = 8787$/m);
    expect(scripts.dev).not.toContain("port");
  });
});
