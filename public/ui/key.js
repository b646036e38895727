import { html, useState } from "./vendor/preact.js";

// The read key: entered once, kept for this tab only, and sent as a header. Where no key is needed, none is asked for.

const NAME = "tracklog-read-key";

export function storedKey() {
  return sessionStorage.getItem(NAME);
}

/** Whether nothing can be asked for before somebody has entered a key. */
export function isKeyMissing() {
  return "needsKey" in document.documentElement.dataset && storedKey() === null;
}

export function forgetKey() {
  sessionStorage.removeItem(NAME);
}

/** Asks the API. Throws a Refusal for every answer that is none of 2xx. `init` is that of fetch, with headers as an object. */
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
        <p>What is stored here is for those who have a key of <code>READ_KEYS</code>.</p>
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
        <p class="quiet">It stays in this tab and is gone when the tab is closed.</p>
      </form>
    </main>
  `;
}
