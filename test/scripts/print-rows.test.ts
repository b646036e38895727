import { describe, it } from "vitest";
import { type Column, csvOf, jsonOf, tableOf } from "../../scripts/query/print-rows.ts";

const columnsOf = (types: Record<string, string>): Column[] =>
  Object.entries(types).map(([name, type]) => ({ name, type }));
const TEXTS = columnsOf({ a: "VARCHAR", long_name: "VARCHAR" });

describe("rows as a table", () => {
  it("have columns as wide as their widest cell, and end with a count", ({ expect }) => {
    expect(
      tableOf(TEXTS, [
        ["1", "x"],
        ["two", null],
      ]),
    ).toBe(["a    long_name", "───  ─────────", "1    x", "two", "(2 rows)", ""].join("\n"));
    expect(tableOf(TEXTS, [["1", "2"]])).toContain("(1 row)\n");
    expect(tableOf(TEXTS, [])).toBe("a  long_name\n─  ─────────\n(0 rows)\n");
  });

  it("are cut if they are long, but never within a character", ({ expect }) => {
    const [, , row] = tableOf(columnsOf({ a: "VARCHAR" }), [["😀".repeat(61)]]).split("\n");
    expect(row).toBe(`${"😀".repeat(59)}…`);
    expect(tableOf(columnsOf({ a: "VARCHAR" }), [["x".repeat(60)]])).toContain("x".repeat(60));
  });

  it("stay on one line, and send no commands to a terminal", ({ expect }) => {
    expect(tableOf(columnsOf({ a: "VARCHAR" }), [["1\n2\u001b[31m\u009b"]])).toContain("1\\n2\\u001b[31m\\u009b\n");
  });
});

describe("rows as CSV", () => {
  it("are quoted if RFC 4180 requires it, with a line of names", ({ expect }) => {
    expect(
      csvOf(TEXTS, [
        ['say "hi"', "a,b"],
        ["1\n2", null],
        [{ x: 1 }, true],
      ]),
    ).toBe('a,long_name\r\n"say ""hi""","a,b"\r\n"1\n2",\r\n"{""x"":1}",true\r\n');
  });
});

describe("rows as JSON", () => {
  it("have numbers for integers, and text if a number would not be exact", ({ expect }) => {
    const columns = columnsOf({ big: "BIGINT", sum: "HUGEINT", u: "UBIGINT", text: "VARCHAR", i: "INTEGER" });
    expect(jsonOf(columns, [["9007199254740991", "3", "9007199254740993", "3", 4]])).toBe(
      '{"big":9007199254740991,"sum":3,"u":"9007199254740993","text":"3","i":4}\n',
    );
  });

  it("have JSON exactly as it is stored, to the last digit", ({ expect }) => {
    const columns = columnsOf({ properties: "JSON", 'a"b': "VARCHAR" });
    expect(jsonOf(columns, [['{"n":12345678901234567890,"b":[1.0]}', null]])).toBe(
      '{"properties":{"n":12345678901234567890,"b":[1.0]},"a\\"b":null}\n',
    );
    expect(jsonOf(columns, [[null, "x"]])).toBe('{"properties":null,"a\\"b":"x"}\n');
  });
});
