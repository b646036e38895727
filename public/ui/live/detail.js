import { html } from "../vendor/preact.js";
import { Change, Copy, curlOf, sentBody, Verdict } from "../event.js";
import { clock, dayAndTime, duration } from "../format.js";
import { Json } from "../json.js";

/** One event with everything that is known about it. */
export function Detail({ entry, isRaw, onRaw, onUser, onClose }) {
  return html`
    <aside class="panel" aria-label="The chosen event">
      <div class="panel-head">
        <${Verdict} verdict=${entry.verdict} />
        <h2>${entry.event ?? entry.path}</h2>
        <button class="ghost close" aria-label="Close" title="Close (Esc)" onClick=${onClose}>✕</button>
      </div>
      <div class="panel-tools">
        <div class="switch" role="group" aria-label="How it is shown">
          <button aria-pressed=${!isRaw} onClick=${() => onRaw(false)}>Pretty</button>
          <button aria-pressed=${isRaw} onClick=${() => onRaw(true)}>Raw</button>
        </div>
        <${Copy} text=${() => curlOf(entry.verdict === "rejected" ? entry.path : "/track", sentBody(entry))}
          >Copy as curl<//
        >
        <${Copy} text=${() => JSON.stringify(rawOf(entry), null, 2)}>Copy JSON<//>
      </div>
      ${isRaw ? html`<${Json} value=${rawOf(entry)} />` : html`<${Pretty} entry=${entry} onUser=${onUser} />`}
    </aside>
  `;
}

/** The event as it was received, without what the page has added. */
function rawOf({ raw }) {
  const { type: _, ...rest } = JSON.parse(raw);
  return rest;
}

function Pretty({ entry, onUser }) {
  const { verdict, user_id, timestamp, message_id, key, colo, path, received_at, log_ms, d1_ms, seq, revision, late } =
    entry;
  const facts = [
    ["User", user_id !== null && html`<button class="link" onClick=${() => onUser(user_id)}>${user_id}</button>`],
    ["Happened", timestamp && dayAndTime(timestamp)],
    ["Received", `${clock(received_at)}${colo ? ` in ${colo}` : ""}`],
    ["Edge to log", duration(log_ms)],
    ["Edge to D1", typeof d1_ms === "number" && duration(d1_ms)],
    ["Number", seq !== undefined && `${seq}${revision > 1 ? `, revision ${revision}` : ""}${late ? ", late" : ""}`],
    ["Message id", message_id],
    ["Key", key],
    ["Path", path],
  ].filter(([, value]) => value !== null && value !== undefined && value !== false && value !== "");
  return html`
    <dl class="facts">
      ${facts.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    ${verdict === "rejected" ? html`<${Rejected} entry=${entry} />` : html`<${Stored} entry=${entry} />`}
  `;
}

function Rejected({ entry: { errors, body } }) {
  return html`
    <h3>What is wrong</h3>
    <ul class="faults">
      ${errors.map(({ pointer, detail }) => html`<li><code>${pointer || "the whole"}</code> ${detail}</li>`)}
    </ul>
    ${body === null && html`<p class="quiet">The body is too long to be shown here.</p>`}
    ${
      body !== undefined &&
      body !== null &&
      html`<h3>What was sent</h3>
        <${Json} value=${body} errors=${errors} />`
    }
  `;
}

function Stored({ entry: { change, properties, context } }) {
  return html`
    ${
      change &&
      html`<h3>What changed</h3>
        <${Change} change=${change} />`
    }
    <h3>Properties</h3>
    ${properties === null ? html`<p class="quiet">They are too long to be shown here.</p>` : html`<${Json} value=${properties} />`}
    ${
      context !== null &&
      Object.keys(context).length > 0 &&
      html`<h3>Context</h3>
        <${Json} value=${context} />`
    }
  `;
}
