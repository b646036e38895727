type Row = readonly unknown[];

/** A column of a result. Its type is DuckDB's name for it. */
export interface Column {
  name: string;
  type: string;
}

const MAX_CELL_CHARACTERS = 60;

/**
 * Rows as an aligned table. Long values are cut, and control characters are escaped, because a terminal would obey
 * them.
 */
export function tableOf(columns: readonly Column[], rows: readonly Row[]): string {
  const names = columns.map(({ name }) => name);
  const lines = [names, ...rows.map((row) => row.map(textOf))].map((line) => line.map(cellOf));
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]!.length)));
  const [head, ...body] = lines.map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index]!))
      .join("  ")
      .trimEnd(),
  );
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  const count = `(${rows.length} ${rows.length === 1 ? "row" : "rows"})`;
  return [head, rule, ...body, count, ""].join("\n");
}

/** Rows as CSV (RFC 4180), after a line of names. */
export function csvOf(columns: readonly Column[], rows: readonly Row[]): string {
  const lines = [columns.map(({ name }) => name), ...rows.map((row) => row.map(textOf))];
  return lines.map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
}

/**
 * Rows as one JSON object on each line. JSON columns are included as JSON. An integer is a number, or text if a number
 * would not be exact.
 */
export function jsonOf(columns: readonly Column[], rows: readonly Row[]): string {
  return rows
    .map((row) => {
      const fields = columns.map((column, index) => `${JSON.stringify(column.name)}:${valueOf(column, row[index])}`);
      return `{${fields.join(",")}}\n`;
    })
    .join("");
}

function valueOf({ type }: Column, value: unknown): string {
  if (typeof value === "string") {
    if (type === "JSON") return value;
    if (/^U?(BIG|HUGE)INT$/.test(type) && Number.isSafeInteger(Number(value))) return value;
  }
  return JSON.stringify(value ?? null);
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function cellOf(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these characters are escaped here
  const visible = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (character) =>
    character === "\n" ? "\\n" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const characters = Array.from(visible);
  return characters.length > MAX_CELL_CHARACTERS
    ? `${characters.slice(0, MAX_CELL_CHARACTERS - 1).join("")}…`
    : visible;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
