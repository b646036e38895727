import { html, useState } from "../vendor/preact.js";

/** Finds a user by the whole id, since a log can be found only by that. */
export function UserSearch({ onFind }) {
  const [text, setText] = useState("");
  const submit = (event) => {
    event.preventDefault();
    if (text.trim() === "") return;
    onFind(text.trim());
    setText("");
    document.activeElement?.blur();
  };
  return html`
    <form class="find" role="search" onSubmit=${submit}>
      <input
        id="find-user"
        type="search"
        aria-label="Find a user by id"
        placeholder="Find a user by id"
        autocomplete="off"
        spellcheck=${false}
        value=${text}
        onInput=${(event) => setText(event.target.value)}
        onKeyDown=${(event) => event.key === "Escape" && event.target.blur()}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  `;
}
