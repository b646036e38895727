type Row = readonly unknown[];

const MAX_CELL_CHARACTERS = 60;

/** Rows as an aligned table; long values are cut. */
export function tableOf(columns: readonly string[], rows: readonly Row[]): string {
  const lines = [columns, ...rows.map((row) => row.map(textOf))].map((line) =>
    line.map((cell) => (cell.length > MAX_CELL_CHARACTERS ? `${cell.slice(0, MAX_CELL_CHARACTERS - 1)}…` : cell)),
  );
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

/** Rows as CSV (RFC 4180), with a line of names. */
export function csvOf(columns: readonly string[], rows: readonly Row[]): string {
  const lines = [columns, ...rows.map((row) => row.map(textOf))];
  return lines.map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
}

/** Rows as a JSON object a line. */
export function jsonOf(columns: readonly string[], rows: readonly Row[]): string {
  return rows
    .map((row) => `${JSON.stringify(Object.fromEntries(columns.map((name, index) => [name, row[index]])))}\n`)
    .join("");
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
