import { html, useEffect, useState } from "../vendor/preact.js";
import { Copy, curlOf } from "../event.js";
import { ago, counted, dayAndTime, grouped } from "../format.js";
import { Json } from "../json.js";
import { ask } from "../key.js";

const HOUR_MS = 3_600_000;
const SHOWN_NAMES = 4;
const PAGE = 10;

/** One reason: how often and when it occurred and, when it is opened, examples of what was refused. */
export function Reason({ reason, from, to, isOpen, onToggle, onChanged }) {
  const last = reason.hours.at(-1);
  return html`
    <details
      class="card reason"
      open=${isOpen}
      onToggle=${(event) => event.target.open !== isOpen && onToggle(event.target.open)}
    >
      <summary>
        <span class="count">${grouped(reason.rejections)}</span>
        <span>
          <span class="text">${reason.reason}</span>
          <span class="about">${[aboutOf(reason), whenLast(last, to)].join(", ")}</span>
        </span>
        <${Spark} hours=${reason.hours} from=${from} to=${to} />
      </summary>
      ${isOpen && html`<${Samples} reason=${reason.reason} rejections=${reason.rejections} onChanged=${onChanged} />`}
    </details>
  `;
}

function whenLast({ hour }, to) {
  return hour >= lastHour(to) ? "in this hour" : `last ${ago(hour, new Date(to))}`;
}

function lastHour(to) {
  const time = new Date(to).getTime();
  return new Date(time - (time % HOUR_MS)).toISOString();
}

function aboutOf({ events, keys }) {
  return [
    namesOf(events.map(({ event }) => event ?? "whole requests")),
    namesOf(keys.map(({ key }) => key ?? "no key")),
  ].join(", by ");
}

function namesOf(names) {
  const rest = names.length - SHOWN_NAMES;
  return names.slice(0, SHOWN_NAMES).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** A bar for each hour. */
function Spark({ hours, from, to }) {
  const start = new Date(from).getTime();
  const count = Math.max(1, Math.ceil((new Date(to) - start) / HOUR_MS));
  const bars = Array.from({ length: count }, () => 0);
  for (const { hour, rejections } of hours) bars[Math.floor((new Date(hour) - start) / HOUR_MS)] = rejections;
  const most = Math.max(...bars);
  return html`
    <svg
      class="spark"
      preserveAspectRatio="none"
      viewBox="0 0 ${count * 4} 30"
      role="img"
      aria-label="Rejections by hour, at most ${most}"
    >
      ${bars.map((value, index) => {
        const height = value === 0 ? 1 : Math.max(3, (value / most) * 30);
        return html`<rect
          class=${value === 0 ? "none" : ""}
          x=${index * 4}
          y=${30 - height}
          width="3"
          height=${height}
        />`;
      })}
    </svg>
  `;
}

function Samples({ reason, rejections, onChanged }) {
  const [state, setState] = useState({ list: null, cursor: null });
  const [outcome, setOutcome] = useState(null);
  const load = async (cursor) => {
    const query = new URLSearchParams({ reason, limit: PAGE, ...(cursor && { cursor }) });
    try {
      const page = await ask(`/rejections?${query}`);
      setState((old) => ({
        list: cursor ? [...old.list, ...page.rejections] : page.rejections,
        cursor: page.next_cursor,
      }));
    } catch (refusal) {
      setState({ list: [], cursor: null, refusal });
    }
  };
  useEffect(() => {
    void load(null);
  }, [reason]);
  const replay = async () => {
    setOutcome("Sending …");
    try {
      setOutcome(await replayAll(reason));
      onChanged();
      await load(null);
    } catch (refusal) {
      setOutcome(refusal.message);
    }
  };
  const { list, cursor, refusal } = state;
  if (refusal) return html`<p class="samples error" role="alert">${refusal.message}</p>`;
  if (!list) return html`<p class="samples quiet">Loading …</p>`;
  const hasBodies = list.some(({ body }) => body !== undefined);
  return html`
    <div class="samples">
      <div class="samples-tools">
        ${list.length === 0 && html`<span class="quiet">There are no examples of ${counted(rejections, "rejection")}: the requests had no key, or their examples have expired.</span>`}
        ${hasBodies && html`<button class="primary small" onClick=${replay}>Replay these</button>`}
        ${outcome && html`<span role="status">${outcome}</span>`}
        <a class="button small" href="/live?verdict=rejected">Watch for more</a>
      </div>
      <ul>
        ${list.map((rejection) => html`<${Rejection} key=${rejection.id} rejection=${rejection} />`)}
      </ul>
      ${cursor && html`<button class="small" onClick=${() => load(cursor)}>Older ones</button>`}
    </div>
  `;
}

function Rejection({ rejection: { received_at, event, key, path, errors, body, user_id } }) {
  // The pointers are relative to the message, without the batch around it.
  const shown = body?.batch?.length === 1 ? body.batch[0] : body;
  return html`
    <li class="sample-rejection">
      <p>
        <time datetime=${received_at}>${dayAndTime(received_at)}</time>
        <b>${event ?? "whole request"}</b>
        ${user_id && html`<span>${user_id}</span>`} ${key !== null && html`<span>key ${key}</span>`}
        <span>${path}</span>
        ${body !== undefined && html`<${Copy} text=${() => curlOf(path, body)}>Copy as curl<//>`}
      </p>
      ${
        shown === undefined
          ? html`<ul class="faults">
              ${errors.map(({ pointer, detail }) => html`<li><code>${pointer || "the whole"}</code> ${detail}</li>`)}
            </ul>`
          : html`<${Json} value=${shown} errors=${errors} />`
      }
    </li>
  `;
}

/** Replays all rejections of a reason, a page at a time. */
async function replayAll(reason) {
  let replayed = 0;
  let refused = 0;
  for (let after = 0; after !== null;) {
    const body = JSON.stringify({ reason, after });
    const answer = await ask("/rejections/replay", { method: "POST", body });
    replayed += answer.replayed;
    refused += answer.results.length - answer.replayed;
    after = answer.next_after;
  }
  return `${counted(replayed, "event")} accepted${refused > 0 ? `, ${grouped(refused)} refused again` : ""}.`;
}
