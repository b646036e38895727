import { html } from "../vendor/preact.js";
import { ago, counted, grouped } from "../format.js";
import { share } from "./bars.js";
import { SaveCsv } from "./csv.js";
import { span } from "./spans.js";

/** The largest size of a D1 database. */
const MAX_BYTES = 10_000_000_000;

/** Each database's size, lag and backlog. */
export function Databases({ databases: { databases, away }, now, wide }) {
  return html`
    <section class=${wide ? "card wide" : "card"} aria-label="Databases">
      <div class="card-head">
        <h2>Databases</h2>
        <${SaveCsv}
          name="tracklog-databases"
          what="databases"
          columns=${["name", "bytes", "users", "waiting_events", "median_lag_ms", "longest_lag_ms"]}
          rows=${() =>
            databases.map(({ name, bytes, users, waiting, lag }) => ({
              name,
              bytes,
              users,
              waiting_events: waiting.events,
              median_lag_ms: lag.median_ms,
              longest_lag_ms: lag.longest_ms,
            }))}
        />
      </div>
      ${away.map((name) => html`<p class="error" role="alert"><b>${name}</b> does not answer. Events are still accepted, and wait in the users' logs.</p>`)}
      <div class="databases">
        ${databases.map((database) => html`<${Database} key=${database.name} ...${database} now=${now} />`)}
      </div>
    </section>
  `;
}

function Database({ name, bytes, users, waiting, lag, now }) {
  return html`
    <div class="database">
      <div class="card-head">
        <h3>${name}</h3>
        <span class="quiet small-print">${size(bytes)} of 10 GB, ${share(bytes / MAX_BYTES)}</span>
      </div>
      <div
        class="meter"
        role="meter"
        aria-label=${`Size of ${name}`}
        aria-valuenow=${bytes}
        aria-valuemin="0"
        aria-valuemax=${MAX_BYTES}
      >
        <span style=${{ width: `${Math.min(100, (100 * bytes) / MAX_BYTES)}%` }}></span>
      </div>
      <dl class="facts">
        <dt>Users</dt>
        <dd>${grouped(users)}</dd>
        <dt>Last written</dt>
        <dd>${lag.last_written_at === null ? "never" : ago(lag.last_written_at, now)}</dd>
        <dt>Lag</dt>
        <dd>${lag.median_ms === null ? "–" : `${span(lag.median_ms)}, recently at most ${span(lag.longest_ms)}`}</dd>
        <dt>Waiting</dt>
        <dd>
          ${
            waiting.events === 0
              ? "nothing"
              : `${counted(waiting.events, "event")} of ${counted(waiting.users, "user")}, oldest ${ago(waiting.since, now)}`
          }
        </dd>
      </dl>
    </div>
  `;
}

function size(bytes) {
  const [unit, divisor] = bytes < 1e6 ? ["KB", 1e3] : bytes < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  const number = bytes / divisor;
  return `${number.toFixed(number < 10 ? 1 : 0)} ${unit}`;
}
