import { describe, it } from "vitest";
import type { LogRow } from "../../src/user/event-table.ts";
import { verdictDetail } from "../../src/user/verdict-detail.ts";

function row(properties: string, context = "{}"): LogRow {
  return { properties, context } as LogRow;
}

function changeOf(before: LogRow, after: LogRow): unknown {
  return JSON.parse(verdictDetail(7, after, before).change!);
}

describe("what a verdict says of an update", () => {
  it("is nothing where there was none", ({ expect }) => {
    expect(verdictDetail(7, row("{}"), undefined)).toEqual({ generation: 7 });
    expect(verdictDetail(7, null, row("{}"))).toEqual({ generation: 7 });
  });

  it("is what each key that changed was and is, and nothing of the others", ({ expect }) => {
    const before = row('{"same":{"a":[1]},"other":1,"null":null}', '{"ip":"x"}');
    const after = row('{"same":{"a":[1]},"other":[2],"null":false,"new":null}', '{"ip":"x","os":1}');
    expect(changeOf(before, after)).toEqual({
      properties: { other: { before: 1, after: [2] }, null: { before: null, after: false }, new: { after: null } },
      context: { os: { after: 1 } },
    });
    expect(changeOf(before, row(before.properties, "{}"))).toEqual({ properties: {}, context: {} });
  });

  it("has keys with names that objects have by themselves", ({ expect }) => {
    const { change } = verdictDetail(7, row('{"__proto__":1,"toString":2}'), row("{}"));
    expect(change).toBe('{"properties":{"__proto__":{"after":1},"toString":{"after":2}},"context":{}}');
  });
});
