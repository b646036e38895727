import { html } from "../vendor/preact.js";
import { counted } from "../format.js";
import { Json } from "../json.js";
import { span } from "./spans.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A pause within a day that gets a line. */
const PAUSE = HOUR;

/** An event that arrived this long after it happened is marked. */
const LATE = 5 * MINUTE;

const DAY_NAME = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

/** Events grouped by day, the latest first, with the pauses between them. */
export function Timeline({ events }) {
  const days = Map.groupBy ? Map.groupBy(events, dayOf) : grouped(events);
  let before;
  return html`
    <div class="days">
      ${[...days].map(([day, ofDay]) => {
        const gap = before === undefined ? 0 : daysBetween(ofDay[0], before);
        before = ofDay[0];
        return html`
          ${gap > 1 && html`<p class="gap">${counted(gap - 1, "day")} without an event</p>`}
          <section class="day" key=${day}>
            <h3>${day} <span class="quiet">${counted(ofDay.length, "event")}</span></h3>
            <ol class="happenings">
              ${ofDay.map((event, index) => html`<${Happening} key=${event.seq} event=${event} later=${ofDay[index - 1]} />`)}
            </ol>
          </section>
        `;
      })}
    </div>
  `;
}

function grouped(events) {
  const days = new Map();
  for (const event of events) days.set(dayOf(event), [...(days.get(dayOf(event)) ?? []), event]);
  return days;
}

function dayOf({ timestamp }) {
  return DAY_NAME.format(new Date(timestamp));
}

function daysBetween(earlier, later) {
  return Math.round((midnightOf(later) - midnightOf(earlier)) / DAY);
}

function Happening({ event, later }) {
  const pause = later ? new Date(later.timestamp) - new Date(event.timestamp) : 0;
  const lateness = new Date(event.received_at) - new Date(event.timestamp);
  const marks = [
    event.revision > 1 && `updated ${counted(event.revision - 1, "time")}`,
    lateness > LATE && `arrived ${span(lateness)} later`,
    event.source !== null && `by ${event.source}`,
  ].filter(Boolean);
  return html`
    ${pause >= PAUSE && html`<li class="pause"><span>${span(pause)}</span></li>`}
    <li>
      <details>
        <summary>
          <time datetime=${event.timestamp}>${TIME.format(new Date(event.timestamp))}</time>
          <span class="event">${event.event}</span>
          <span class="gist">${gistOf(event.properties)}</span>
        </summary>
        <p class="quiet marks">${["#" + event.seq, ...marks].join(" · ")}</p>
        <${Json} value=${event.properties} />
        ${
          Object.keys(event.context).length > 0 &&
          html`<h3>Context</h3>
            <${Json} value=${event.context} />`
        }
      </details>
    </li>
  `;
}

/** A short form of the properties. */
function gistOf(properties) {
  return Object.entries(properties)
    .slice(0, 4)
    .map(([name, value]) => `${name}: ${typeof value === "object" && value !== null ? "…" : String(value)}`)
    .join("  ")
    .slice(0, 160);
}

function midnightOf({ timestamp }) {
  return new Date(timestamp).setHours(0, 0, 0, 0);
}
