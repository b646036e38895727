import { html, useState } from "./vendor/preact.js";
import { storedKey } from "./key.js";

// Parts that show events and what became of them.

const SIGNS = { created: "+", updated: "Δ", duplicate: "=", suppressed: "–", rejected: "×" };

export const VERDICTS = Object.keys(SIGNS);

/** A verdict by its sign, its colour and its name. */
export function Verdict({ verdict }) {
  return html`<span class="verdict ${verdict}"
    ><span class="sign" aria-hidden="true">${SIGNS[verdict] ?? "?"}</span>${verdict}</span
  >`;
}

/** The keys that an update changed, each before and after. */
export function Change({ change }) {
  const rows = Object.entries(change).flatMap(([part, keys]) =>
    Object.entries(keys).map(([key, values]) => ({ name: `${part}.${key}`, ...values })),
  );
  if (rows.length === 0) return null;
  return html`
    <table class="change">
      <tbody>
        ${rows.map(
          ({ name, before, after }) => html`
            <tr>
              <th scope="row">${name}</th>
              <td>${before === undefined ? html`<i>not there</i>` : html`<del>${JSON.stringify(before)}</del>`}</td>
              <td><ins>${JSON.stringify(after)}</ins></td>
            </tr>
          `,
        )}
      </tbody>
    </table>
  `;
}

const MAX_GIST_CHARACTERS = 200;

/** A summary of an event, as text. */
export function gistOf({ verdict, errors, change, properties }) {
  if (verdict === "rejected") return errors.map(({ pointer, detail }) => `${pointer} ${detail}`.trim()).join(", ");
  const parts = change
    ? Object.values(change).flatMap((keys) =>
        Object.entries(keys).map(
          ([key, { before, after }]) => `${key}: ${before === undefined ? "" : `${short(before)} → `}${short(after)}`,
        ),
      )
    : Object.entries(properties ?? {}).map(([key, value]) => `${key}: ${short(value)}`);
  return parts.join(" · ").slice(0, MAX_GIST_CHARACTERS);
}

function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** A button that copies a text and confirms it. */
export function Copy({ text, children }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await copyText(text());
    setDone(true);
    setTimeout(() => setDone(false), 1_500);
  };
  return html`<button class="small" onClick=${copy}>${isDone ? "Copied" : children}</button>`;
}

/** navigator.clipboard exists only over HTTPS and on localhost. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** A shell command that sends an event again. The user of the command inserts the key. */
export function curlOf(path, body) {
  // Within single quotes a shell leaves everything unchanged except the quote itself.
  const data = JSON.stringify(body).replaceAll("'", "'\\''");
  // If this page needs no key, writing needs none either.
  const key = storedKey() === null ? "" : ' -H "Authorization: Bearer $WRITE_KEY"';
  return `curl ${location.origin}${path}${key} --data '${data}'`;
}

/** What was sent, as a body that can be sent to the path again. */
export function sentBody(verdict) {
  if (verdict.verdict === "rejected") {
    const isBatch = /batch|import|\/b$/.test(verdict.path);
    return isBatch ? { batch: [verdict.body] } : verdict.body;
  }
  const { event, user_id, timestamp, properties, context, message_id } = verdict;
  return { event, user_id, timestamp, properties, context, ...(message_id !== null && { message_id }) };
}
