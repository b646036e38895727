import { type Client, type Consent, createClient } from "./client.ts";
import { messageId } from "./message-id.ts";

// The script that is served as /t.js:
// <script defer src="https://tracklog…/t.js" data-key="…" data-page></script>

declare global {
  interface Window {
    tracklog?: Client;
  }
}

/** https://wicg.github.io/nav-speculation/prerendering.html, which TypeScript does not know. */
type Prerendered = Document & { prerendering?: boolean };

const { src, dataset } = document.currentScript as HTMLScriptElement;
const { key, userId, consent } = dataset;

const tracklog = createClient({
  url: new URL(".", src).href,
  key,
  userId,
  consent: consent as Consent | undefined,
  // Every event needs a user. Unless a stored id is asked for, the id is forgotten when the page ends.
  anonymousId: "anonymous" in dataset || messageId(),
});
window.tracklog = tracklog;

if ("page" in dataset) {
  let last = document.referrer;
  let path = "";
  const onMove = () => {
    // A router may set the same address again, and a new fragment is not a new page.
    if (path === location.pathname + location.search) return;
    path = location.pathname + location.search;
    tracklog.page(undefined, { referrer: last });
    last = location.href;
  };
  // A page that the browser renders ahead of a visit has not been visited yet.
  if ((document as Prerendered).prerendering) document.addEventListener("prerenderingchange", onMove);
  else onMove();
  addEventListener("popstate", onMove);
  for (const name of ["pushState", "replaceState"] as const) {
    const change = history[name];
    history[name] = function (...state) {
      change.apply(this, state);
      // Runs after the router, which sets the title.
      setTimeout(onMove);
    };
  }
}
