import { html } from "./vendor/preact.js";

/** A user's latest documented properties, as rows of a list of facts. */
export function DocumentedProperties({ properties }) {
  return Object.entries(properties).map(
    ([name, value]) =>
      html`<dt>${name.replaceAll("_", " ")}</dt>
        <dd>${value}</dd>`,
  );
}
