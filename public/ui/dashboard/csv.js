import { html } from "../vendor/preact.js";

/**
 * A button that saves rows as a file. `columns` are the names of the fields; `rows` is called when the button is
 * pressed.
 */
export function SaveCsv({ name, columns, rows, what }) {
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csvOf(columns, rows())], { type: "text/csv" }));
    link.download = `${name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  return html`<button
    class="ghost small"
    onClick=${save}
    title=${`Save ${what} as CSV`}
    aria-label=${`Save ${what} as CSV`}
  >
    CSV
  </button>`;
}

/** Rows as CSV (RFC 4180). A text that a spreadsheet would run as a formula gets an apostrophe in front. */
export function csvOf(columns, rows) {
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))]
    .map((cells) => `${cells.map(cellOf).join(",")}\r\n`)
    .join("");
}

function cellOf(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value.replace(/^[=+\-@\t\r]/, "'$&") : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
