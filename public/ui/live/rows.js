import { Component, html } from "../vendor/preact.js";
import { gistOf, Verdict } from "../event.js";
import { clock, duration } from "../format.js";

/** The list of what arrived, newest first. */
export function Rows({ entries, selectedId, onSelect, onUser }) {
  return html`
    <ol class="rows" aria-label="Events, the newest first">
      ${entries.map((entry) =>
        entry.type === "gap"
          ? html`<li class="gap" key=${entry.id}>${entry.text}</li>`
          : html`<${Row}
              key=${entry.id}
              entry=${entry}
              isSelected=${entry.id === selectedId}
              onSelect=${onSelect}
              onUser=${onUser}
            />`,
      )}
    </ol>
  `;
}

/** Draws again only if something in the row has changed, because hundreds of rows come and go. */
class Row extends Component {
  shouldComponentUpdate({ entry, isSelected }) {
    return entry !== this.props.entry || isSelected !== this.props.isSelected;
  }

  render({ entry, isSelected, onSelect, onUser }) {
    const openUser = (event) => {
      event.stopPropagation();
      onUser(entry.user_id);
    };
    return html`
      <li
        class="row ${entry.verdict}"
        aria-current=${isSelected ? "true" : undefined}
        data-id=${entry.id}
        onClick=${() => onSelect(entry.id)}
      >
        <time datetime=${entry.received_at}>${clock(entry.received_at)}</time>
        <${Verdict} verdict=${entry.verdict} />
        <span class="event" title=${entry.event}>${entry.event ?? html`<i>${entry.path}</i>`}</span>
        <span class="user">
          ${
            entry.user_id !== null &&
            html`<button class="link" title="Open ${entry.user_id}" onClick=${openUser}>${entry.user_id}</button>`
          }
        </span>
        <span class="gist">${gistOf(entry)}</span>
        <span class="key" title="The write key's name">${entry.key}</span>
        <span class="colo" title="Cloudflare's location">${entry.colo}</span>
        <span class="lag">${lagOf(entry)}</span>
      </li>
    `;
  }
}

/** The time from the edge to the log, and to D1. */
function lagOf({ verdict, log_ms, d1_ms }) {
  const isStored = verdict === "created" || verdict === "updated";
  if (!isStored || d1_ms === null) return html`<span title="From the edge to the answer">${duration(log_ms)}</span>`;
  return html`
    <span title="From the edge to the user's log">${duration(log_ms)}</span>
    <span class="arrow" aria-hidden="true">→</span>
    <span class="in-d1" title="From the edge to D1">${d1_ms === undefined ? "…" : duration(d1_ms)}</span>
  `;
}
