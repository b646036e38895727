import type { Dice } from "./random.ts";

// JSON texts that no serializer writes, and that parsers read differently.

const NUMBERS = [
  "0",
  "-0",
  "1E400",
  "-1e-400",
  "1e+5",
  "9".repeat(400),
  `0.${"1".repeat(300)}`,
  "12345678901234567890",
  "1606170535",
  "01",
  "1.",
  "+1",
  ".5",
  "0x10",
  "NaN",
  "Infinity",
];
const STRINGS = [
  '""',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u0000"',
  '"\u0000"',
  '"\t"',
  '"\\x41"',
  '"\\u00e9\u0301"',
  '"\\/"',
  '"\u2028"',
  "'single'",
  '"open',
  '"2026-01-02T03:04:05Z"',
  '"\ufeff"',
  `"${"\\u0061".repeat(2_000)}"`,
  `"${"\u{1f600}".repeat(300)}"`,
];
const KEYS = [
  '"event"',
  '"event_name"',
  '"user_id"',
  '"properties"',
  '"timestamp"',
  '"context"',
  '"message_id"',
  '"batch"',
  '"type"',
  '"__proto__"',
  '"constructor"',
  '"ev\\u0065nt"',
  '""',
  "event",
];
const JUNK = [
  "",
  "}",
  "]",
  "{",
  "NaN",
  "\\u0000",
  "\u0000",
  '"',
  ",",
  ",,",
  ":",
  "\n",
  "//x\n",
  "/**/",
  "\ufeff",
  "\r",
  "\u2028",
  "é",
];
const FIELDS_OF_EVENT = (mark: string): Record<string, string> => ({
  '"event"': '"e"',
  '"user_id"': '"u1"',
  '"properties"': `{"mark":"${mark}"}`,
  '"timestamp"': "1767323045",
});

/** A text that may be an event in odd JSON, or something quite different. */
export function jsonTextOf(dice: Dice, mark: string): string {
  // The name of a refused event is stored on purpose, because it helps to find the sender, so it does not count as a value.
  return textOfKind(dice.below(10), dice, mark).replaceAll(/("ev[\w\\]*"\s*:\s*")zq[\dxc]+q/g, "$1e");
}

function textOfKind(kind: number, dice: Dice, mark: string): string {
  if (kind === 0) return deep(dice);
  if (kind === 1) return many(dice, mark);
  if (kind === 2) {
    const events = Array.from({ length: dice.below(5) }, () => oddEvent(dice, mark));
    return events.join(dice.one(["\n", "\r\n", "\n\n", " "]));
  }
  if (kind === 3) return valueOf(dice, mark, 0);
  return oddEvent(dice, mark);
}

/** A text from which something is removed, or in which something is inserted or doubled. */
export function mangled(text: string, dice: Dice): string {
  const at = dice.below(text.length + 1);
  switch (dice.below(6)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return Array.from({ length: dice.below(5) }, () => text).join(dice.one(["\n", "", ",", "\r\n"]));
    case 2:
      return `${dice.one(["\ufeff", "[", "{", '"', " ", "\0", "callback("])}${text}`;
    case 3:
      return text.padEnd(dice.below(dice.hits(0.1) ? 1_200_000 : 3_000), dice.one([" ", "\n", "x"]));
    default:
      return text.slice(0, at) + dice.one(JUNK) + text.slice(at + dice.below(3));
  }
}

/** An event that has fields twice, in another order, or with values of other types. */
function oddEvent(dice: Dice, mark: string): string {
  const fields = Object.entries(FIELDS_OF_EVENT(mark)).map(([key, value]) => [
    key,
    dice.hits(0.85) ? value : valueOf(dice, mark, 2),
  ]);
  for (let count = dice.below(3); count > 0; count--) fields.push([dice.one(KEYS), valueOf(dice, mark, 1)]);
  const space = dice.one(["", "", " ", "\n", "\t\r\n", "\u00a0"]);
  return `{${fields.map(([key, value]) => `${key}${space}:${space}${value}`).join(`${space},`)}}`;
}

function valueOf(dice: Dice, mark: string, depth: number): string {
  const kind = dice.below(depth > 4 ? 4 : 7);
  if (kind === 0) return dice.one(NUMBERS);
  if (kind === 1) return dice.one(STRINGS);
  if (kind === 2) return dice.one(["null", "true", "false", "undefined", `"${mark}"`]);
  if (kind === 3) return `"${mark}${"x".repeat(dice.below(20))}"`;
  const children = Array.from({ length: dice.below(4) }, () => valueOf(dice, mark, depth + 1));
  if (kind === 4) return `[${children.join(",")}]`;
  return `{${children.map((child) => `${dice.one(KEYS)}:${child}`).join(",")}}`;
}

function deep(dice: Dice): string {
  const levels = dice.one([19, 20, 21, 500, 5_000, 100_000]);
  const [open, close] = dice.one([
    ["[", "]"],
    ['{"a":', "}"],
  ] as const);
  const core = open === "[" ? "" : "1";
  const value = open.repeat(levels) + core + (dice.hits(0.8) ? close.repeat(levels) : "");
  return dice.hits(0.5) ? value : `{"event":"e","user_id":"u1","timestamp":1767323045,"properties":{"deep":${value}}}`;
}

/** A body with many faults, many keys, or many events. */
function many(dice: Dice, mark: string): string {
  const count = dice.hits(0.1) ? dice.one([499, 501, 3_000]) : dice.one([10, 50, 51]);
  switch (dice.below(4)) {
    case 0:
      return `[${Array.from({ length: count }, () => "{}").join(",")}]`;
    case 1:
      return `{${Array.from({ length: count }, (_, i) => `"k${i}":"${mark}"`).join(",")}}`;
    case 2:
      return `{"batch":[${Array.from({ length: Math.min(count, 501) }, (_, i) => `{"event":"e${i}","user_id":"u${i % 60}","timestamp":1,"properties":{}}`).join(",")}]}`;
    default:
      return Array.from({ length: count }, () => `{"event":"${mark}","x":1}`).join("\n");
  }
}
