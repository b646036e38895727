import { html } from "../vendor/preact.js";
import { grouped } from "../format.js";

/**
 * Numbers as bars, relative to the greatest.
 *
 * @param rows [{key, label, events, tone}]
 * @param of the number that is 100 %; without it no shares are shown
 * @param onChoose called with a row's key; without it rows are not buttons
 */
export function Bars({ rows, of, onChoose, chosen, empty }) {
  if (rows.length === 0) return html`<p class="quiet nothing">${empty}</p>`;
  const greatest = Math.max(...rows.map(({ events }) => events));
  return html`
    <ol class="bars">
      ${rows.map(({ key, label, events, tone }) => {
        const parts = html`
          <span class=${`bar ${tone ?? ""}`} style=${{ width: `${(100 * events) / greatest}%` }}></span>
          <span class="label">${label}</span>
          ${of > 0 && html`<span class="share">${share(events / of)}</span>`}
          <span class="number">${grouped(events)}</span>
        `;
        return html`<li key=${key}>
          ${
            onChoose && key !== null
              ? html`<button class="row" aria-pressed=${chosen === key} onClick=${() => onChoose(key)}>
                  ${parts}
                </button>`
              : html`<div class="row">${parts}</div>`
          }
        </li>`;
      })}
    </ol>
  `;
}

export function share(part) {
  const percent = 100 * part;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  return `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}
