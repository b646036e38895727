import { html } from "../vendor/preact.js";
import { VERDICTS } from "../event.js";

const TEXTS = [
  ["event", "Event"],
  ["user_id", "User"],
  ["key", "Key"],
  ["text", "Any text"],
];

export const FILTER_NAMES = ["verdict", ...TEXTS.map(([name]) => name)];

/** Chooses which events are shown. A text matches a part of a value, and in double quotes the whole value. */
export function Filters({ filter, counts, onFilter }) {
  const chosen = filter.verdict ? filter.verdict.split(",") : [];
  const toggle = (verdict) => {
    const next = chosen.includes(verdict) ? chosen.filter((other) => other !== verdict) : [...chosen, verdict];
    onFilter({ ...filter, verdict: next.length === VERDICTS.length ? "" : next.join(",") });
  };
  const isFiltered = FILTER_NAMES.some((name) => filter[name]);
  return html`
    <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
      <div class="verdicts" role="group" aria-label="Verdicts">
        ${VERDICTS.map(
          (verdict) => html`
            <button
              type="button"
              class="chip ${verdict}"
              aria-pressed=${chosen.includes(verdict)}
              onClick=${() => toggle(verdict)}
            >
              ${verdict}${counts[verdict] > 0 && html`<b>${counts[verdict]}</b>`}
            </button>
          `,
        )}
      </div>
      <div class="texts">
        ${TEXTS.map(
          ([name, label]) => html`
            <input
              type="search"
              name=${name}
              aria-label=${label}
              placeholder=${label}
              maxlength="300"
              autocomplete="off"
              spellcheck=${false}
              value=${filter[name] ?? ""}
              onInput=${(event) => onFilter({ ...filter, [name]: event.target.value })}
            />
          `,
        )}
        <button
          type="button"
          class="ghost"
          disabled=${!isFiltered}
          onClick=${() => onFilter({})}
          title="Clear the filter (x)"
        >
          Clear
        </button>
      </div>
    </form>
  `;
}

/** Whether an entry that is already shown passes a filter that has just been set. The server decides about new ones. */
export function passes(filter, entry) {
  if (entry.type !== "verdict") return true;
  return (
    (!filter.verdict || filter.verdict.split(",").includes(entry.verdict)) &&
    matches(filter.event, entry.event) &&
    matches(filter.user_id, entry.user_id) &&
    matches(filter.key, entry.key) &&
    (!filter.text || holds(entry.raw, JSON.stringify(filter.text).slice(1, -1)))
  );
}

function matches(wanted, value) {
  if (!wanted) return true;
  if (value === null) return false;
  const isWhole = wanted.length > 2 && wanted.startsWith('"') && wanted.endsWith('"');
  return isWhole ? value === wanted.slice(1, -1) : holds(value, wanted);
}

function holds(value, part) {
  return value.toLowerCase().includes(part.toLowerCase());
}
