import { html, render, useEffect, useState } from "../vendor/preact.js";
import { isKeyMissing, KeyForm } from "../key.js";
import { Head, isShortcut } from "../shell.js";
import { useAddress } from "./address.js";
import { Overview } from "./overview.js";
import { RANGES } from "./ranges.js";
import { UserSearch } from "./user-search.js";
import { User } from "./user.js";

/** The whole page: a welcome if the key is missing, otherwise the numbers or one user. */
function Page() {
  const [refusal, setRefusal] = useState(undefined);
  const [, setTries] = useState(0);
  const tryKey = () => {
    setRefusal(undefined);
    setTries((tries) => tries + 1);
  };
  const [address, go] = useAddress();
  useEffect(() => {
    const onKey = (event) => {
      if (event.key === "Escape") return address.user ? go({ user: "" }) : go({ event: "" });
      if (!isShortcut(event)) return;
      const range = RANGES[Number(event.key) - 1];
      if (range) go({ range: range.name });
      if (event.key === "/") {
        event.preventDefault();
        document.querySelector("#find-user")?.focus();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  if (refusal?.needsKey || isKeyMissing()) return html`<${Welcome} refusal=${refusal} onKey=${tryKey} />`;
  return html`
    <${Head}><${UserSearch} onFind=${(user) => go({ user })} /><//>
    ${
      address.user
        ? html`<${User} key=${address.user} userId=${address.user} go=${go} onRefusal=${setRefusal} />`
        : html`<${Overview} address=${address} go=${go} onRefusal=${setRefusal} />`
    }
  `;
}

/** For visitors without a key. */
function Welcome({ refusal, onKey }) {
  return html`
    <div class="welcome">
      <h1>Tracklog</h1>
      <p>
        This is an event-tracking API. Apps and servers send what their users do to <code>POST /track</code>, and
        Tracklog keeps each user's events exactly once and in order.
      </p>
      <p>
        <a href="/docs">The API, and a page to try it</a> · <a href="/openapi.json">OpenAPI</a> · ${" "}<a
          href="/health"
          >Health</a
        >
      </p>
    </div>
    <${KeyForm} refusal=${refusal} onKey=${onKey} />
  `;
}

render(html`<${Page} />`, document.body);
