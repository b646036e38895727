import { html, useEffect, useState } from "./vendor/preact.js";
import { ask } from "./key.js";
import { counted, dayAndTime } from "./format.js";
import { Json } from "./json.js";
import { DocumentedProperties } from "./documented-properties.js";

const SHOWN_EVENTS = 50;

/** A user: what is known about them, and their latest events. `children` are buttons of the page. */
export function UserPanel({ userId, onClose, children }) {
  const [state, setState] = useState({});
  const path = `/users/${encodeURIComponent(userId)}`;
  useEffect(() => {
    let isCurrent = true;
    setState({});
    Promise.all([ask(path), ask(`${path}/events?order=desc&limit=${SHOWN_EVENTS}`)]).then(
      ([summary, { events }]) => isCurrent && setState({ summary, events }),
      (refusal) => isCurrent && setState({ refusal }),
    );
    return () => {
      isCurrent = false;
    };
  }, [userId]);
  const { summary, events, refusal } = state;
  return html`
    <aside class="panel" aria-label="The chosen user">
      <div class="panel-head">
        <h2>${userId}</h2>
        <button class="ghost close" aria-label="Close" title="Close (Esc)" onClick=${onClose}>✕</button>
      </div>
      <div class="panel-tools">
        ${children}
        <a class="button small" href=${`${path}/events`} target="_blank" rel="noreferrer">Timeline as JSON</a>
      </div>
      ${!summary && !refusal && html`<p class="quiet">Loading …</p>`}
      ${refusal && html`<p class="quiet" role="alert">${refusal.message}</p>`}
      ${summary && html`<${Summary} summary=${summary} />`}
      ${
        events &&
        html`<h3>Latest events</h3>
          <ol class="timeline">
            ${events.map((event, index) => html`<${TimelineEvent} key=${event.seq} event=${event} isOpen=${index === 0} />`)}
          </ol>`
      }
    </aside>
  `;
}

function Summary({ summary: { properties, events, first_seen, last_seen, pending } }) {
  return html`
    <dl class="facts">
      <${DocumentedProperties} properties=${properties} />
      <dt>Events</dt>
      <dd>${counted(events, "event")}${pending > 0 ? `, ${pending} on the way to D1` : ""}</dd>
      <dt>First</dt>
      <dd>${dayAndTime(first_seen)}</dd>
      <dt>Last</dt>
      <dd>${dayAndTime(last_seen)}</dd>
    </dl>
  `;
}

function TimelineEvent({ event, isOpen }) {
  const isEmpty = Object.keys(event.properties).length === 0;
  return html`
    <li>
      <details open=${isOpen}>
        <summary>
          <span class="event">${event.event}</span
          ><time datetime=${event.timestamp}>${dayAndTime(event.timestamp)}</time>
        </summary>
        ${isEmpty ? html`<p class="quiet">It has no properties.</p>` : html`<${Json} value=${event.properties} />`}
      </details>
    </li>
  `;
}
