import { execFileSync } from "node:child_process";
import { describe, it } from "vitest";
import { readingsOf, routesOf } from "./description.ts";
import { curlOf, type FuzzRequest, wireOf } from "./fuzz-request.ts";
import { marksIn } from "./marks.ts";
import { RequestMaker } from "./request-maker.ts";
import { shrink } from "./shrink.ts";
import { SMALL_DESCRIPTION } from "./small-description.ts";

const REQUESTS = 3_000;

function wires(seed: number, indexes: number[]): string[] {
  const maker = new RequestMaker(seed, SMALL_DESCRIPTION);
  return indexes.map((index) => wireOf(maker.make(index)).toString("base64"));
}

/** The arguments and the input that bash passes to `curl`. */
function words(command: string): string[] {
  const script = `curl() { printf '%s\\0' "$@"; cat; }; ${command} < /dev/null`;
  return execFileSync("bash", ["-c", script], { encoding: "utf8" }).split("\0");
}

describe("the requests of a run", () => {
  it("are the same for the same seed, and do not depend on each other", ({ expect }) => {
    const indexes = Array.from({ length: 200 }, (_, i) => i);
    expect(wires(1, indexes.toReversed()).toReversed()).toEqual(wires(1, indexes));
    expect(wires(2, indexes)).not.toEqual(wires(1, indexes));
  });

  it("use every route, with marks that show from which request a value came", ({ expect }) => {
    const maker = new RequestMaker(5, SMALL_DESCRIPTION);
    const routes = routesOf(SMALL_DESCRIPTION);
    const asked = new Set<string>();
    let marked = 0;
    for (let index = 0; index < REQUESTS; index++) {
      const { method, target, body } = maker.make(index);
      for (const route of readingsOf(routes, target).flat())
        if (route.method === method) asked.add(`${method} ${route.template}`);
      const marks = marksIn(`${target} ${body?.toString("latin1") ?? ""}`);
      if (marks.length > 0) marked++;
      expect(marks.every((mark) => mark.index === index)).toBe(true);
    }
    expect(routes.map(({ method, template }) => `${method} ${template}`).filter((route) => !asked.has(route))).toEqual(
      [],
    );
    expect(marked).toBeGreaterThan(REQUESTS / 3);
  });
});

describe("a reproduction", () => {
  const request: FuzzRequest = {
    index: 0,
    method: "POST",
    target: "/track?x=1",
    headers: [
      ["X-A", "it's"],
      ["X-B", ""],
    ],
    body: Buffer.from('{"event": "it\'s\n\u00e9", "bad": 1}'),
    framing: "chunked",
    isMarkedByEvent: false,
  };

  it("is a command that sends the same request, byte for byte", ({ expect }) => {
    const text = words(curlOf("http://h", request));
    expect(text).toEqual(expect.arrayContaining(["POST", "http://h/track?x=1", "X-A: it's", "X-B;"]));
    expect(text).toContain(request.body!.toString());
    const bytes = Buffer.from([0, 255, 39, 10]);
    const command = curlOf("http://h", { ...request, body: bytes });
    expect(execFileSync("bash", ["-c", command.replace(/\| curl .*/, "| cat")])).toEqual(bytes);
  });

  it("is as small as the fault allows", async ({ expect }) => {
    const tried: FuzzRequest[] = [];
    const smallest = await shrink(request, async (candidate) => {
      tried.push(candidate);
      return candidate.body?.includes("bad") ?? false;
    });
    expect(smallest).toMatchObject({ target: "/track", headers: [], framing: "length" });
    expect(smallest.body!.toString()).toBe("bad");
    expect(tried.length).toBeLessThan(301);
  });

  it("is not made smaller if the fault does not show again", async ({ expect }) => {
    expect(await shrink(request, async () => false)).toBe(request);
  });
});
