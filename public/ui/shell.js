import { html, render } from "./vendor/preact.js";
import { forgetKey, storedKey } from "./key.js";

// The parts that all pages share.

const PAGES = [
  ["/live", "Live"],
  ["/rejections", "Rejections"],
  ["/docs", "API"],
];

function leave() {
  forgetKey();
  location.reload();
}

/** The head of a page. Its children are at the right. */
export function Head({ children }) {
  return html`
    <header class="head">
      <a class="brand" href="/"><${Mark} />Tracklog</a>
      <nav aria-label="Pages">
        ${PAGES.map(
          ([path, name]) =>
            html`<a href=${path} aria-current=${location.pathname === path ? "page" : undefined}>${name}</a>`,
        )}
      </nav>
      <div class="head-end">
        ${children}
        ${storedKey() !== null && html`<button class="ghost" onClick=${leave} title="Forget the key of this tab">Leave</button>`}
      </div>
    </header>
  `;
}

function Mark() {
  return html`
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M3 5h9M3 10h14M3 15h6" />
      <circle cx="15.5" cy="5" r="1.8" />
    </svg>
  `;
}

export function start(Page) {
  render(html`<${Page} />`, document.body);
}

/** The query of the address as an object. */
export function readAddress() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

/** Keeps a page's state in its address, so that it can be bookmarked and shared. Empty values are omitted. */
export function writeAddress(state) {
  const given = Object.entries(state).filter(([, value]) => value !== undefined && value !== "");
  const query = new URLSearchParams(given).toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
}

/** Whether a pressed key is meant for the page, and not for a field or the browser. */
export function isShortcut(event) {
  return (
    !event.ctrlKey &&
    !event.metaKey &&
    !event.altKey &&
    !event.target.closest?.("input, textarea, select, [contenteditable]")
  );
}
