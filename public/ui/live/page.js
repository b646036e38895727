import { Component, html } from "../vendor/preact.js";
import { Copy, copyText, curlOf, sentBody } from "../event.js";
import { counted } from "../format.js";
import { isKeyMissing, KeyForm } from "../key.js";
import { Head, isShortcut, readAddress, start, writeAddress } from "../shell.js";
import { UserPanel } from "../user-panel.js";
import { Detail } from "./detail.js";
import { FILTER_NAMES, Filters, passes } from "./filters.js";
import { Rate } from "./rate.js";
import { Rows } from "./rows.js";
import { LiveStream } from "./stream.js";

const FILTER_DELAY_MS = 200;

const SAMPLE = { event: "signed_up", user_id: "ann", timestamp: new Date().toISOString(), properties: { plan: "pro" } };

const KEYS = [
  ["j / k", "next and previous event"],
  ["Esc", "close"],
  ["p", "pause and resume"],
  ["/", "search the text"],
  ["u", "open the event's user"],
  ["r", "raw or pretty"],
  ["c", "copy as curl"],
  ["x", "clear the filter"],
  ["?", "these keys"],
];

class LivePage extends Component {
  constructor() {
    super();
    const { view, user, ...rest } = readAddress();
    this.filter = Object.fromEntries(Object.entries(rest).filter(([name]) => FILTER_NAMES.includes(name)));
    this.state = { selected: null, user: user ?? null, isRaw: view === "raw", isHelp: false, now: Date.now() };
    this.stream = new LiveStream(this.sentFilter(), () => this.draw());
    this.select = (id) => {
      const selected = this.stream.entries.find((entry) => entry.id === id) ?? null;
      this.setState({ selected, user: null });
    };
    this.openUser = (userId) => this.show({ user: userId });
    this.close = () => this.show({ selected: null, user: null, isHelp: false });
  }

  componentDidMount() {
    if (!isKeyMissing()) void this.stream.connect();
    document.addEventListener("keydown", (event) => isShortcut(event) && this.press(event));
    document.addEventListener("keydown", (event) => event.key === "Escape" && (event.target.blur?.(), this.close()));
    setInterval(() => this.setState({ now: Date.now() }), 1_000);
  }

  /** Draws at most once in each frame, however much arrives. */
  draw() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      this.setState({ now: Date.now() });
    });
  }

  show(state) {
    this.setState(state, () => this.keepAddress());
  }

  keepAddress() {
    writeAddress({ ...this.filter, view: this.state.isRaw ? "raw" : "", user: this.state.user ?? "" });
  }

  /** The filter in the server's form, which has no empty texts. */
  sentFilter() {
    return Object.fromEntries(Object.entries(this.filter).filter(([, value]) => value));
  }

  setFilter(filter) {
    this.filter = filter;
    this.keepAddress();
    this.setState({});
    clearTimeout(this.filterTimer);
    this.filterTimer = setTimeout(() => this.stream.setFilter(this.sentFilter()), FILTER_DELAY_MS);
  }

  press(event) {
    const { selected, isRaw, isHelp } = this.state;
    const actions = {
      j: () => this.step(1),
      ArrowDown: () => this.step(1),
      k: () => this.step(-1),
      ArrowUp: () => this.step(-1),
      p: () => this.stream.setPaused(!this.stream.isPaused),
      r: () => this.show({ isRaw: !isRaw }),
      x: () => this.setFilter({}),
      c: () =>
        selected &&
        void copyText(curlOf(selected.verdict === "rejected" ? selected.path : "/track", sentBody(selected))),
      u: () => selected && selected.user_id !== null && this.openUser(selected.user_id),
      "/": () => document.querySelector("input[name=text]").focus(),
      "?": () => this.setState({ isHelp: !isHelp }),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  step(by) {
    const verdicts = this.shown().filter(({ type }) => type === "verdict");
    const at = verdicts.findIndex(({ id }) => id === this.state.selected?.id);
    const next = verdicts[at === -1 ? 0 : Math.min(verdicts.length - 1, Math.max(0, at + by))];
    if (!next) return;
    this.select(next.id);
    document.querySelector(`[data-id="${CSS.escape(next.id)}"]`)?.scrollIntoView({ block: "nearest" });
  }

  shown() {
    return this.stream.entries.filter((entry) => passes(this.filter, entry));
  }

  render(_, { selected, user, isRaw, isHelp, now }) {
    const { stream } = this;
    if (isKeyMissing() || stream.status === "refused")
      return html`<${Head} /><${KeyForm} refusal=${stream.refusal} onKey=${() => void stream.connect()} />`;
    const entries = this.shown();
    const current = selected && (stream.entries.find(({ id }) => id === selected.id) ?? selected);
    const isOpen = user !== null || current !== null;
    return html`
      <${Head}><${Status} stream=${stream} /><//>
      <main class=${isOpen ? "live with-panel" : "live"}>
        <div class="stream">
          <div class="bar">
            <${Rate} recent=${stream.recent} now=${now} />
            <span class="quiet minute"
              >${counted(stream.recent.filter(({ at }) => now - at < 60_000).length, "event")} in the last minute</span
            >
            <span class="bar-end">
              <button
                class=${stream.isPaused ? "primary" : ""}
                title="Pause (p)"
                onClick=${() => stream.setPaused(!stream.isPaused)}
              >
                ${stream.isPaused ? (stream.held.length > 0 ? `Resume, ${stream.held.length + stream.dropped} new` : "Resume") : "Pause"}
              </button>
              <button onClick=${() => stream.clear()}>Empty</button>
              <button
                class="ghost"
                aria-label="Keys"
                title="Keys (?)"
                onClick=${() => this.setState({ isHelp: !isHelp })}
              >
                ?
              </button>
            </span>
          </div>
          <${Filters}
            filter=${this.filter}
            counts=${countsOf(stream.entries)}
            onFilter=${(filter) => this.setFilter(filter)}
          />
          ${
            stream.leftOut > 0 &&
            html`<p class="notice" role="status">
              ${counted(stream.leftOut, "event")} ${stream.leftOut === 1 ? "was" : "were"} left out, because too many
              arrived to show them all. Set a filter to see every event that you look for.
            </p>`
          }
          ${
            entries.length > 0
              ? html`<${Rows}
                  entries=${entries}
                  selectedId=${current?.id}
                  onSelect=${this.select}
                  onUser=${this.openUser}
                />`
              : html`<${Empty} isFiltered=${FILTER_NAMES.some((name) => this.filter[name])} />`
          }
        </div>
        ${
          user !== null
            ? html`<${UserPanel} userId=${user} onClose=${this.close}>
                <button class="small" onClick=${() => this.setFilter({ user_id: `"${user}"` })}>Only this user</button>
              <//>`
            : current &&
              html`<${Detail}
                entry=${current}
                isRaw=${isRaw}
                onRaw=${(raw) => this.show({ isRaw: raw })}
                onUser=${this.openUser}
                onClose=${this.close}
              />`
        }
      </main>
      ${isHelp && html`<${Help} onClose=${() => this.setState({ isHelp: false })} />`}
    `;
  }
}

function countsOf(entries) {
  const counts = {};
  for (const { verdict } of entries) if (verdict) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
}

function Status({ stream }) {
  const [name, text] = stream.isPaused
    ? ["paused", "Paused"]
    : { open: ["open", "Live"], connecting: ["waiting", "Connecting"], lost: ["lost", "Reconnecting"] }[stream.status];
  return html`<span class="status ${name}" role="status"><span class="dot" aria-hidden="true"></span>${text}</span>`;
}

function Empty({ isFiltered }) {
  if (isFiltered)
    return html`<div class="empty">
      <h2>No event has matched the filter yet</h2>
      <p>Matching events appear here as they arrive.</p>
    </div>`;
  return html`
    <div class="empty">
      <h2>Waiting for events</h2>
      <p>
        Everything that is sent to this deployment appears here as it arrives, with what became of it. Send the first
        one:
      </p>
      <pre class="sample"><code>${curlOf("/track", SAMPLE)}</code></pre>
      <${Copy} text=${() => curlOf("/track", SAMPLE)}>Copy<//>
    </div>
  `;
}

function Help({ onClose }) {
  return html`
    <div class="cover" onClick=${onClose}>
      <div class="card help" role="dialog" aria-label="Keys">
        <h2>Keys</h2>
        <dl>
          ${KEYS.map(
            ([key, text]) =>
              html`<dt><kbd>${key}</kbd></dt>
                <dd>${text}</dd>`,
          )}
        </dl>
      </div>
    </div>
  `;
}

start(LivePage);
