import * as fc from "fast-check";
import { describe, it } from "vitest";
import { parseJson } from "../../../src/http/write/parse-body.ts";
import { anEvent, newUser, track, userLog } from "../../tracklog.ts";

function detailOf(text: string): string | null {
  const parsed = parseJson(text);
  return parsed.ok ? null : parsed.detail;
}

describe("a fault in JSON", () => {
  it.for([
    ['{"a":NaN}', 6, "JSON has no NaN: send null, or leave the field out"],
    ['{"a":-Infinity}', 6, "JSON has no Infinity: send null, or leave the field out"],
    ['{"a": undefined}', 7, "JSON has no undefined: send null, or leave the field out"],
    ['{"a":+1}', 6, "a number in JSON has no plus sign"],
    ['{"a":.5}', 6, "a number in JSON begins with a digit"],
    ['{"a":-01}', 6, "a number in JSON has no leading zeros"],
    ['{"a":None}', 6, "JSON has no None: send null"],
    ['{"a":True}', 6, "JSON has true and false in lower case only"],
    ["{'a':1}", 2, "a text in JSON needs double quotes"],
    ['{"a":1,}', 8, "there is a comma too many before it, or a value is missing"],
    ["[1,2,]", 6, "there is a comma too many before it, or a value is missing"],
    ['{"a":1 // one', 8, "JSON has no comments"],
    ['{"a":"x\ny"}', 8, "write a line break or control character in a text as an escape"],
    ['{"a":1', 7, "it ends too early"],
    ['{"a":"x', 8, "it ends too early"],
    ['{"é😀":nope}', 7, null], // an emoji is one character
    ['{"a":"\\x"}', 7, null],
    ["{a:1}", 2, null],
    ['{"a":[ ],"b":{ },"c":[\t{ }, [ ] ],"d":nope}', 39, null], // not at the spaces
    ["event=a&user_id=b", 1, null],
    ['{"a":1}{"b":2}', 8, null],
    ['{"a" 1}', 6, null],
    ['{"a":truex}', 6, null],
    ['{"a":1.}', 6, null],
    ['{"a":1e}', 6, null],
  ] as const)("is told its place and what is there: %s", ([text, character, slip], { expect }) => {
    const place = `is not valid JSON: see line 1, character ${character}`;
    const detail = detailOf(text)!;
    expect(detail.replace(/, in element 2 of the array/, "")).toBe(slip === null ? place : `${place} (${slip})`);
  });

  it("is told with its line", ({ expect }) => {
    expect(detailOf('{\n  "a": 1,\r\n  "b": oops\n}')).toBe("is not valid JSON: see line 3, character 8");
  });

  it.for([
    ['[{"a":1},{"a":[1,{"b":NaN}]}]', 1],
    ['{"batch":[{"a":1},{},{"a":NaN}]}', 2],
    ['{"context":{"x":[1,2,3]},"batch":[{"a":NaN}]}', 0],
    ['{"context":[1,NaN],"batch":[]}', null],
    ['{"a":[1,NaN]}', null],
    ["NaN", null],
  ] as const)("is told with its element if the body holds several: %s", ([text, element], { expect }) => {
    const place = element === null ? /character \d+ \(/ : new RegExp(`, in element ${element} of the array \\(`);
    expect(detailOf(text)).toMatch(place);
  });

  it("is found in every text that the parser refuses, and only in those, and never repeated", ({ expect }) => {
    const broken = fc.tuple(fc.json(), fc.nat(), fc.string({ unit: "binary", maxLength: 2 })).map(([json, at, put]) => {
      const index = at % (json.length + 1);
      return json.slice(0, index) + put + json.slice(index + 1);
    });
    fc.assert(
      fc.property(broken, (text) => {
        const detail = detailOf(text);
        if (detail === null) return void JSON.parse(text);
        expect(detail).toMatch(/^is (?:empty|not valid JSON: see line \d+, character \d+)/);
      }),
      { seed: 11, numRuns: 2_000 },
    );
  });

  it("is found cheaply even if the text is as long and deep as a request can be", ({ expect }) => {
    for (const text of [
      "[".repeat(1_000_000),
      '{"a":'.repeat(200_000),
      `"${"x".repeat(1_000_000)}`,
      "1".repeat(1_000_000) + "x",
    ])
      expect(detailOf(text)).toMatch(/^is not valid JSON: see line 1, /);
    expect(detailOf(`"${"\\n".repeat(500_000)}`)).toMatch(/character 1000002 /);
  });
});

describe("a request that is not JSON", () => {
  it("is refused as a whole with the place of the fault, and nothing of it is stored", async ({ expect }) => {
    const user = newUser();
    const good = JSON.stringify(anEvent({ user_id: user }));
    const { status, body } = await track(`[${good},\n${good.replace("{}", '{"ratio":NaN}')}]`);
    expect(status).toBe(400);
    expect(body["errors"]).toEqual([
      {
        pointer: "",
        detail: expect.stringMatching(/see line 2, character \d+, in element 1 of the array \(JSON has no NaN/),
      },
    ]);
    expect(await userLog(user).summary()).toBeNull();
  });

  it("is told the line of the body if each line is an event", async ({ expect }) => {
    const good = JSON.stringify(anEvent({ user_id: newUser() }));
    const { body } = await track(`${good}\n\n{"a":NaN}\n`, { "Content-Type": "application/x-ndjson" });
    expect(body["results"][1].errors[0].detail).toMatch(/^is not valid JSON: see line 3, character 6 /);
  });
});
