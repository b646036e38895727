import { codePoints } from "../../event/json.ts";

/** The place where a text stops being JSON. */
interface JsonFault {
  /** From 1. */
  line: number;
  /** From 1, in Unicode code points of its line. */
  character: number;
  /** The index of the element in the body's array or in its `batch`; null outside of one. */
  element: number | null;
  /** What is wrong there, if it is a common mistake. Never the client's own text. */
  slip: string | null;
}

// oxlint-disable-next-line no-control-regex -- the characters that JSON does not allow in strings (RFC 8259, section 7)
const CONTROL = /[\u0000-\u001f]/y;

/** What programs write although JSON does not have it, and what to send instead. */
const SLIPS: [RegExp, string][] = [
  [/[+-]?NaN\b/y, "JSON has no NaN: send null, or leave the field out"],
  [/[+-]?Infinity\b/y, "JSON has no Infinity: send null, or leave the field out"],
  [/undefined\b/y, "JSON has no undefined: send null, or leave the field out"],
  [/None\b/y, "JSON has no None: send null"],
  [/(?:True|False)\b/y, "JSON has true and false in lower case only"],
  [/\+\d/y, "a number in JSON has no plus sign"],
  [/-?\.\d/y, "a number in JSON begins with a digit"],
  [/-?0\d/y, "a number in JSON has no leading zeros"],
  [/'/y, "a text in JSON needs double quotes"],
  [/\/[/*]/y, "JSON has no comments"],
  [CONTROL, "write a line break or control character in a text as an escape"],
  [/[\]}]/y, "there is a comma too many before it, or a value is missing"],
];

const LITERAL = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
// oxlint-disable-next-line no-control-regex -- as above
const STRING_PART = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const SPACE = /[ \t\n\r]*/y;

interface Level {
  isArray: boolean;
  index: number;
  /** The object's key that was read last. */
  key: string;
}

/**
 * Finds the place where a text stops being JSON, because JSON.parse tells it only for some faults. Uses its own stack,
 * since a text can nest deeper than the call stack reaches.
 *
 * @param text a text that JSON.parse refused
 */
export function findJsonFault(text: string): JsonFault {
  const scanner = new Scanner(text);
  const levels: Level[] = [];
  const at = () => faultAt(text, scanner.position, elementOf(levels));
  for (;;) {
    // A value.
    scanner.take(SPACE);
    if (scanner.takeCharacter("[")) {
      levels.push({ isArray: true, index: 0, key: "" });
      scanner.take(SPACE);
      if (!scanner.sees("]")) continue;
    } else if (scanner.takeCharacter("{")) {
      levels.push({ isArray: false, index: 0, key: "" });
      scanner.take(SPACE);
      if (!scanner.sees("}")) {
        if (!takeKey(scanner, levels)) return at();
        continue;
      }
    } else if (scanner.sees('"') ? scanner.takeString() === null : scanner.take(LITERAL) === "") return at();

    // After a value come ends of objects and arrays, and then a comma or the end.
    for (;;) {
      scanner.take(SPACE);
      const level = levels.at(-1);
      if (!level || !scanner.takeCharacter(level.isArray ? "]" : "}")) break;
      levels.pop();
    }
    const level = levels.at(-1);
    if (!level || !scanner.takeCharacter(",")) return at();
    level.index++;
    if (!level.isArray && !takeKey(scanner, levels)) return at();
  }
}

function takeKey(scanner: Scanner, levels: Level[]): boolean {
  scanner.take(SPACE);
  const key = scanner.takeString();
  if (key === null) return false;
  levels.at(-1)!.key = key;
  scanner.take(SPACE);
  return scanner.takeCharacter(":");
}

function elementOf([first, second]: Level[]): number | null {
  if (first?.isArray) return first.index;
  return first?.key === "batch" && second?.isArray ? second.index : null;
}

function faultAt(text: string, position: number, element: number | null): JsonFault {
  const before = text.slice(0, position);
  const lineStart = before.lastIndexOf("\n") + 1;
  return {
    line: before.split("\n").length,
    character: codePoints(before.slice(lineStart)) + 1,
    element,
    slip:
      position === text.length
        ? "it ends too early"
        : (SLIPS.find(([form]) => seesAt(form, text, position))?.[1] ?? null),
  };
}

function seesAt(form: RegExp, text: string, position: number): boolean {
  form.lastIndex = position;
  return form.test(text);
}

/** A text and the position of the next character to read. */
class Scanner {
  position = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  sees(character: string): boolean {
    return this.#text[this.position] === character;
  }

  takeCharacter(character: string): boolean {
    if (!this.sees(character)) return false;
    this.position++;
    return true;
  }

  /** Takes what a sticky expression matches here, which may be empty. */
  take(form: RegExp): string {
    form.lastIndex = this.position;
    const [found = ""] = form.exec(this.#text) ?? [];
    this.position += found.length;
    return found;
  }

  /**
   * Takes a string and returns it without its quotes, escapes unchanged. Returns null if it is not one; then the
   * position is at the fault.
   */
  takeString(): string | null {
    const start = this.position;
    if (!this.takeCharacter('"')) return null;
    do this.take(STRING_PART);
    while (this.take(ESCAPE) !== "");
    return this.takeCharacter('"') ? this.#text.slice(start + 1, this.position - 1) : null;
  }
}
