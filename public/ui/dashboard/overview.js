import { html, useEffect } from "../vendor/preact.js";
import { counted, grouped } from "../format.js";
import { Verdict, VERDICTS } from "../event.js";
import { Bars, share } from "./bars.js";
import { TimeChart } from "./chart.js";
import { SaveCsv } from "./csv.js";
import { Databases } from "./databases.js";
import { OTHERS, useNumbers } from "./numbers.js";
import { Properties } from "./properties.js";
import { RANGES, rangeNamed } from "./ranges.js";
import { span } from "./spans.js";

/** The numbers of all users. */
export function Overview({ address, go, onRefusal }) {
  const range = rangeNamed(address.range);
  const { numbers, refusal, isLoading, refresh } = useNumbers(range, address.event);
  useEffect(() => {
    if (refusal?.needsKey) onRefusal(refusal);
  }, [refusal]);
  return html`
    <main class=${isLoading ? "dashboard loading" : "dashboard"} aria-busy=${isLoading}>
      <div class="toolbar">
        <div class="switch" role="group" aria-label="Range">
          ${RANGES.map(
            ({ name, title }, index) => html`
              <button
                aria-pressed=${name === range.name}
                title=${`${title} (${index + 1})`}
                onClick=${() => go({ range: name })}
              >
                ${name}
              </button>
            `,
          )}
        </div>
        ${
          address.event !== undefined &&
          html`<button class="chip" title="All events (Esc)" onClick=${() => go({ event: "" })}>
            <span class="quiet">event</span> <b>${address.event}</b> ✕
          </button>`
        }
        <span class="toolbar-end quiet">
          ${numbers && html`<time datetime=${new Date(numbers.readAt).toISOString()}>${new Date(numbers.readAt).toLocaleTimeString("en-GB")}</time>`}
          <button class="small" onClick=${refresh}>Refresh</button>
        </span>
      </div>
      ${refusal && html`<p class="notice error" role="alert">${refusal.message}</p>`}
      ${numbers && html`<${Numbers} numbers=${numbers} event=${address.event} go=${go} />`}
    </main>
  `;
}

function Numbers({ numbers, event, go }) {
  const { chart, names, active, verdicts, range, databases, bounds } = numbers;
  const total = numbers.total;
  const totalOfAll = names.reduce((sum, { events }) => sum + events, 0);
  const isNew = total === 0 && event === undefined && databases.databases.every(({ users }) => users === 0);
  const chooseName = (name) => name !== OTHERS && go({ event: name === event ? "" : name });
  const file = `tracklog-${new Date(bounds.from).toISOString().slice(0, 10)}-${range.name}`;
  return html`
    <${Tiles} numbers=${numbers} total=${total} event=${event} />
    ${isNew && html`<${FirstEvent} />`}
    <section class="card wide" aria-label="Events">
      <div class="card-head">
        <h2>Events <span class="quiet">by ${range.by}</span></h2>
        <${SaveCsv}
          name=${`${file}-events`}
          what="events over time"
          columns=${[range.by, "event", "events"]}
          rows=${() =>
            chart.series.flatMap(({ name, values }) =>
              values.map((events, index) => ({
                [range.by]: new Date(chart.times[index]).toISOString(),
                event: name,
                events,
              })),
            )}
        />
      </div>
      ${
        total === 0
          ? html`<p class="quiet nothing tall">No event happened in the ${range.title.toLowerCase()}.</p>`
          : html`<${TimeChart}
              times=${chart.times}
              series=${chart.series.map((one) => ({ ...one, label: labelOf(one.name) }))}
              by=${range.by}
              total=${range.title}
              onName=${chooseName}
              describe=${`Events by ${range.by}, ${range.title.toLowerCase()}: ${grouped(total)}. Use the arrow keys to read its values.`}
            />`
      }
      ${
        !numbers.isWhole &&
        html`<p class="quiet small-print">
          Too many events arrived at once to count on demand. The next roll-up counts the rest within ten minutes.
        </p>`
      }
    </section>
    <section class="card" aria-label="Active users">
      <div class="card-head">
        <h2>Active users <span class="quiet">per day, UTC</span></h2>
        <${SaveCsv}
          name="tracklog-active-users"
          what="active users"
          columns=${["day", "users", "events"]}
          rows=${() => active.map(({ day, users, events }) => ({ day: new Date(day).toISOString().slice(0, 10), users, events }))}
        />
      </div>
      <${TimeChart}
        times=${active.map(({ day }) => day)}
        series=${[{ name: "users", values: active.map(({ users }) => users ?? 0) }]}
        by="day"
        height=${190}
        total="today"
        idle=${active.at(-1).users ?? "–"}
        describe="Active users per day, the last 30 days. Use the arrow keys to read its values."
      />
      ${active.some(({ users }) => users === null) && html`<p class="quiet small-print">A day with too many events to count on demand shows 0 until the next roll-up.</p>`}
    </section>
    <${VerdictCard} verdicts=${verdicts} refusals=${numbers.refusals} range=${range} file=${file} />
    <section class="card" aria-label="Top events">
      <div class="card-head">
        <h2>Top events <span class="quiet">${counted(names.length, "name")}</span></h2>
        <${SaveCsv}
          name=${`${file}-names`}
          what="events by name"
          columns=${["event", "events"]}
          rows=${() => names.map(({ name, events }) => ({ event: name, events }))}
        />
      </div>
      <${Bars}
        rows=${names.slice(0, 12).map(({ name, events }) => ({ key: name, label: labelOf(name), events }))}
        of=${totalOfAll}
        chosen=${event}
        onChoose=${chooseName}
        empty="No event happened in this range."
      />
      ${names.length > 12 && html`<p class="quiet small-print">and ${counted(names.length - 12, "further name")}, all in the CSV</p>`}
    </section>
    ${
      numbers.properties
        ? html`<${Properties} properties=${numbers.properties} range=${range} file=${file} />`
        : html`<${Databases} databases=${databases} now=${numbers.readAt} />`
    }
    ${numbers.properties && html`<${Databases} databases=${databases} now=${numbers.readAt} wide />`}
  `;
}

/** A name as it is shown. Events beyond the names that an hour tells apart have none. */
function labelOf(name) {
  return name ?? "(further names)";
}

function tileOf(label, value, note, tone = "") {
  return html`
    <div class=${`tile ${tone}`}>
      <dt>${label}</dt>
      <dd>${value}</dd>
      <dd class="quiet">${note}</dd>
    </div>
  `;
}

function Tiles({ numbers: { active, verdicts, databases, range }, total, event }) {
  const today = active.at(-1);
  const verdict = (name) => verdicts.find((row) => row.verdict === name)?.events ?? 0;
  const answered = verdicts.reduce((sum, { events }) => sum + events, 0);
  const lags = databases.databases.flatMap(({ lag }) => (lag.median_ms === null ? [] : [lag.median_ms]));
  const waiting = databases.databases.reduce((sum, { waiting: { events } }) => sum + events, 0);
  const rejected = verdict("rejected");
  return html`
    <dl class="tiles">
      ${tileOf(event ?? "Events", grouped(total), range.title.toLowerCase())}
      ${tileOf("Active today", today.users === null ? "–" : grouped(today.users), "users, since midnight UTC")}
      ${tileOf("Rejected", grouped(rejected), answered > 0 ? `${share(rejected / answered)} of all events` : "no events", rejected > 0 ? "bad" : "")}
      ${tileOf("Lag", lags.length > 0 ? span(Math.max(...lags)) : "–", "from the answer until D1 has the event")}
      ${tileOf("Waiting", grouped(waiting), databases.away.length > 0 ? `${databases.away.join(", ")} does not answer` : waiting > 0 ? "events that D1 lacks" : "D1 has everything", waiting > 0 || databases.away.length > 0 ? "bad" : "")}
    </dl>
  `;
}

function VerdictCard({ verdicts, refusals, range, file }) {
  const answered = verdicts.reduce((sum, { events }) => sum + events, 0);
  const inOrder = VERDICTS.flatMap((verdict) => verdicts.filter((row) => row.verdict === verdict));
  const refused = refusals.reduce((sum, { events }) => sum + events, 0);
  return html`
    <section class="card" aria-label="Verdicts">
      <div class="card-head">
        <h2>Verdicts <span class="quiet">${range.title.toLowerCase()}, approximate</span></h2>
        <${SaveCsv} name=${`${file}-verdicts`} what="verdicts" columns=${["verdict", "events"]} rows=${() => inOrder} />
      </div>
      <${Bars}
        rows=${inOrder.map(({ verdict, events }) => ({ key: verdict, label: html`<${Verdict} verdict=${verdict} />`, events, tone: verdict }))}
        of=${answered}
        empty="No event arrived in this range."
      />
      <div class="card-head sub">
        <h3>Refused <span>the last 24 hours: ${grouped(refused)}</span></h3>
        <a class="small-print" href="/rejections">Why</a>
      </div>
      <${Spark}
        values=${refusals.map(({ events }) => events)}
        names=${refusals.map(({ hour }) => new Date(hour).toLocaleString("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" }))}
      />
    </section>
  `;
}

/** Small bars without an axis. */
function Spark({ values, names }) {
  const greatest = Math.max(1, ...values);
  return html`
    <ol class="spark" aria-label="Refused events by hour">
      ${values.map(
        (value, index) => html`
          <li title=${`${names[index]}: ${grouped(value)}`}>
            <span style=${{ height: `${(100 * value) / greatest}%` }}></span>
          </li>
        `,
      )}
    </ol>
  `;
}

function FirstEvent() {
  const sample = `curl ${location.origin}/track -H "Authorization: Bearer $WRITE_KEY" --data '{
  "event": "signed_up", "user_id": "ann", "timestamp": "${new Date().toISOString()}", "properties": {"plan": "pro"}
}'`;
  return html`
    <section class="card wide first" aria-label="The first event">
      <h2>No event has arrived yet</h2>
      <p class="quiet">
        Send one, and it appears here in a moment. <a href="/live">Watch it arrive</a>, or${" "}
        <a href="/docs">read about the API</a>.
      </p>
      <pre class="sample">${sample}</pre>
    </section>
  `;
}
