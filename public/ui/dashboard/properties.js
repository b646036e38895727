import { html, useState } from "../vendor/preact.js";
import { counted, grouped } from "../format.js";
import { Bars } from "./bars.js";
import { SaveCsv } from "./csv.js";

/** The most frequent values of the chosen event's properties. */
export function Properties({ properties: { event, events, complete, properties }, range, file }) {
  const [chosen, setChosen] = useState(undefined);
  const shown = properties.find(({ property }) => property === chosen) ?? properties[0];
  return html`
    <section class="card" aria-label="Properties">
      <div class="card-head">
        <h2>Properties <span class="quiet">of ${event}</span></h2>
        ${
          shown &&
          html`<${SaveCsv}
            name=${`${file}-properties`}
            what="properties"
            columns=${["property", "value", "events"]}
            rows=${() => properties.flatMap(({ property, values }) => values.map((row) => ({ property, ...row })))}
          />`
        }
      </div>
      ${
        shown
          ? html`
              <div class="tabs" role="group" aria-label="Property">
                ${properties.map(
                  ({ property }) => html`
                    <button
                      class="small"
                      aria-pressed=${property === shown.property}
                      onClick=${() => setChosen(property)}
                    >
                      ${property}
                    </button>
                  `,
                )}
              </div>
              <${Bars}
                rows=${shown.values.map(({ value, events: count }) => ({ key: value, label: value ?? html`<i>null</i>`, events: count }))}
                of=${shown.events}
              />
              <p class="quiet small-print">
                ${shown.distinct > shown.values.length ? `The ${shown.values.length} most frequent of ${counted(shown.distinct, "value")}. ` : ""}
                ${complete ? `All ${counted(events, "event")} of the ${range.title.toLowerCase()}.` : `The newest ${grouped(events)} events.`}
                ${shown.events < events ? ` ${counted(events - shown.events, "event")} without ${shown.property}.` : ""}
              </p>
            `
          : html`<p class="quiet nothing">
              ${events === 0 ? "No such event happened in this range." : "These events have no properties."}
            </p>`
      }
    </section>
  `;
}
