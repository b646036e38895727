import { html } from "./vendor/preact.js";

// Shows JSON with faults at their places. Everything that a client sent is shown as text and never becomes markup.

/** The length to which the API cuts a client's own names in a pointer. */
const MAX_NAME_CHARACTERS = 64;

/**
 * A value, with one line for each of its parts.
 *
 * @param errors its faults: [{pointer, detail}]
 */
export function Json({ value, errors = [] }) {
  const lines = linesOf(value, "", 0, "");
  const known = new Set(lines.map(({ pointer }) => pointer));
  const missing = errors.filter(({ pointer }) => !known.has(pointer));
  const end = missing.length > 0 && lines.length > 1 ? lines.pop() : undefined;
  return html`
    <pre
      class="json"
    ><code>${lines.map((line) => html`<${Line} ...${line} errors=${errorsAt(line, errors)} />`)}${missing.map(
      ({ pointer, detail }) =>
        html`<span class="line fault"><span class="detail">${pointer || "the whole"} ${detail}</span></span>`,
    )}${end && html`<${Line} ...${end} errors=${[]} />`}</code></pre>
  `;
}

function errorsAt({ pointer, isEnd }, errors) {
  return isEnd ? [] : errors.filter((error) => error.pointer === pointer);
}

function Line({ indent, name, text, kind, tail, errors }) {
  return html`<span class=${errors.length > 0 ? "line fault" : "line"}
    >${"  ".repeat(indent)}${name !== undefined && html`<span class="name">${JSON.stringify(name)}</span>: `}<span
      class=${kind}
      >${text}</span
    >${tail}${errors.map(({ detail }) => html`<span class="detail">${detail}</span>`)}${"\n"}</span
  >`;
}

function linesOf(value, pointer, indent, tail, name) {
  if (value === null || typeof value !== "object")
    return [
      {
        pointer,
        indent,
        name,
        text: JSON.stringify(value) ?? "nothing",
        kind: value === null ? "null" : typeof value,
        tail,
      },
    ];
  const isArray = Array.isArray(value);
  const [open, close] = isArray ? "[]" : "{}";
  const parts = Object.entries(value);
  if (parts.length === 0) return [{ pointer, indent, name, text: open + close, kind: "mark", tail }];
  return [
    { pointer, indent, name, text: open, kind: "mark", tail: "" },
    ...parts.flatMap(([key, part], index) =>
      linesOf(
        part,
        `${pointer}/${excerpt(key).replaceAll("~", "~0").replaceAll("/", "~1")}`,
        indent + 1,
        index < parts.length - 1 ? "," : "",
        isArray ? undefined : key,
      ),
    ),
    { pointer, indent, text: close, kind: "mark", tail, isEnd: true },
  ];
}

function excerpt(name) {
  return name.length > MAX_NAME_CHARACTERS ? `${name.slice(0, MAX_NAME_CHARACTERS)}…` : name;
}
