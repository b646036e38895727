import { html, useEffect, useState } from "../vendor/preact.js";
import { ask } from "../key.js";
import { counted, dayAndTime, grouped } from "../format.js";
import { Copy } from "../event.js";
import { DocumentedProperties } from "../documented-properties.js";
import { SaveCsv } from "./csv.js";
import { addressWith } from "./address.js";
import { Timeline } from "./timeline.js";

const PAGE_EVENTS = 100;

/** One user: what is known about them, and what they did, the latest first. */
export function User({ userId, go, onRefusal }) {
  const [user, setUser] = useState({ events: [], cursor: undefined });
  const [isBusy, setBusy] = useState(true);
  const path = `/users/${encodeURIComponent(userId)}`;
  const readPage = (cursor) =>
    ask(`${path}/events?order=desc&limit=${PAGE_EVENTS}${cursor ? `&cursor=${cursor}` : ""}`);
  const read = async (cursor, isCurrent) => {
    setBusy(true);
    try {
      const [summary, { events, next_cursor }] = await Promise.all([user.summary ?? ask(path), readPage(cursor)]);
      if (!isCurrent()) return;
      setUser((before) => ({ summary, events: [...before.events, ...events], cursor: next_cursor }));
    } catch (refusal) {
      if (!isCurrent()) return;
      if (refusal.needsKey) onRefusal(refusal);
      setUser((before) => ({ ...before, refusal }));
    }
    setBusy(false);
  };
  useEffect(() => {
    let isShown = true;
    void read(undefined, () => isShown);
    return () => {
      isShown = false;
    };
  }, [userId]);
  const { summary, events, cursor, refusal } = user;
  return html`
    <main class="user-page" aria-busy=${isBusy}>
      <div class="toolbar">
        <a
          class="button small"
          href=${addressWith({ user: "" })}
          title="All users (Esc)"
          onClick=${(event) => {
            event.preventDefault();
            go({ user: "" });
          }}
          >← All users</a
        >
        <span class="toolbar-end">
          ${
            summary &&
            html`
              <a class="button small" href=${`/live?user=${encodeURIComponent(userId)}`}>Watch live</a>
              <${SaveCsv}
                name="tracklog-user"
                what="the events shown"
                columns=${["timestamp", "event", "properties", "context", "message_id", "seq", "revision", "received_at", "source"]}
                rows=${() => events.map((event) => ({ ...event, properties: JSON.stringify(event.properties), context: JSON.stringify(event.context) }))}
              />
            `
          }
        </span>
      </div>
      <div class="user-grid">
        <section class="card about" aria-label="About the user">
          <div class="person">
            <span class="initial" aria-hidden="true">${initialOf(summary, userId)}</span>
            <div>
              <h1>${nameOf(summary) ?? userId}</h1>
              <p class="quiet id">${userId}</p>
            </div>
          </div>
          ${refusal && html`<p class=${refusal.status === 404 ? "quiet" : "error"} role="alert">${refusal.message}</p>`}
          ${refusal?.status === 404 && html`<p class="quiet">Enter the whole id, with upper and lower case as it was sent.</p>`}
          ${summary && html`<${Facts} summary=${summary} />`}
          ${summary && html`<${OtherIds} ids=${otherIds(userId, events)} go=${go} />`}
          <p><${Copy} text=${() => userId}>Copy id<//></p>
        </section>
        <section class="card" aria-label="Timeline">
          <div class="card-head">
            <h2>
              Timeline
              ${summary && html`<span class="quiet">the latest first, ${shown(events.length, summary.events)}</span>`}
            </h2>
          </div>
          <${Timeline} events=${events} />
          ${!summary && !refusal && html`<p class="quiet nothing">Loading …</p>`}
          ${cursor && html`<p class="more"><button onClick=${() => read(cursor, () => true)} disabled=${isBusy}>Earlier events</button></p>`}
          ${summary && !cursor && html`<p class="quiet beginning">The first event of this user.</p>`}
        </section>
      </div>
    </main>
  `;
}

function shown(some, all) {
  return some < all ? `${grouped(some)} of ${grouped(all)}` : counted(all, "event");
}

function Facts({ summary: { properties, events, first_seen, last_seen, pending } }) {
  return html`
    <dl class="facts">
      <${DocumentedProperties} properties=${properties} />
      <dt>Events</dt>
      <dd>${grouped(events)}</dd>
      <dt>First</dt>
      <dd>${dayAndTime(first_seen)}</dd>
      <dt>Last</dt>
      <dd>${dayAndTime(last_seen)}</dd>
      <dt>Waiting</dt>
      <dd class=${pending > 0 ? "error" : ""}>
        ${pending > 0 ? `${counted(pending, "event")} on the way to D1` : "D1 has everything"}
      </dd>
    </dl>
  `;
}

/** Other ids that the shown events link to this user: those of a device, and those of Segment's alias. */
function otherIds(userId, events) {
  const ids = new Map();
  for (const { event, context, properties } of events) {
    const found = [
      ["anonymous id", context.anonymousId],
      ["anonymous id", context.anonymous_id],
      ["former id", event === "alias" ? properties.previous_id : undefined],
    ];
    for (const [kind, id] of found)
      if (typeof id === "string" && id !== "" && id !== userId && !ids.has(id)) ids.set(id, kind);
  }
  return [...ids].map(([id, kind]) => ({ id, kind }));
}

function OtherIds({ ids, go }) {
  if (ids.length === 0) return null;
  return html`
    <h3>Links</h3>
    <ul class="links">
      ${ids.map(
        ({ id, kind }) => html`
          <li>
            <button class="link" onClick=${() => go({ user: id })}>${id}</button> <span class="quiet">${kind}</span>
          </li>
        `,
      )}
    </ul>
  `;
}

function nameOf(summary) {
  if (!summary) return undefined;
  const { name, first_name, last_name, email } = summary.properties;
  return name ?? ([first_name, last_name].filter(Boolean).join(" ") || email);
}

function initialOf(summary, userId) {
  return [...(nameOf(summary) ?? userId)][0]?.toUpperCase();
}
