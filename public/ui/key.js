import { html, useState } from "./vendor/preact.js";

// The read key is entered once, kept for this tab only, and sent as a header. If no key is needed, the page does not
// ask for one.

const NAME = "tracklog-read-key";

export function storedKey() {
  return sessionStorage.getItem(NAME);
}

/** Whether a key must be entered before anything can be read. */
export function isKeyMissing() {
  return "needsKey" in document.documentElement.dataset && storedKey() === null;
}

export function forgetKey() {
  sessionStorage.removeItem(NAME);
}

/**
 * Asks the API and returns the answer's JSON. Throws a Refusal if the answer is not 2xx or the server cannot be
 * reached. `init` is fetch's, with headers as an object.
 */
export async function ask(path, init = {}) {
  const key = storedKey();
  const headers = { Accept: "application/json", ...init.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  let response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch {
    throw new Refusal(0, "The server cannot be reached.");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, body.detail ?? `The answer was ${response.status}.`);
  return body;
}

export class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }

  /** Whether another key would help. */
  get needsKey() {
    return this.status === 401;
  }
}

/** Asks for the key. `onKey` is called when there is one to try. */
export function KeyForm({ refusal, onKey }) {
  const [text, setText] = useState("");
  const wasTried = storedKey() !== null;
  const submit = (event) => {
    event.preventDefault();
    if (text.trim() === "") return;
    sessionStorage.setItem(NAME, text.trim());
    onKey();
  };
  return html`
    <main class="center">
      <form class="card key-form" onSubmit=${submit}>
        <h1>Read key</h1>
        <p>You need a key from <code>READ_KEYS</code> to see what is stored here.</p>
        <input
          type="password"
          name="key"
          aria-label="Read key"
          autocomplete="off"
          spellcheck=${false}
          placeholder="Paste the key"
          value=${text}
          onInput=${(event) => setText(event.target.value)}
          ref=${(input) => input?.focus()}
        />
        ${wasTried && refusal && html`<p class="error" role="alert">${refusal.message}</p>`}
        <button class="primary" type="submit">Open</button>
        <p class="quiet">It is kept in this tab only, until you close it.</p>
      </form>
    </main>
  `;
}
