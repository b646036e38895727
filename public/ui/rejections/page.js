import { Component, html } from "../vendor/preact.js";
import { counted } from "../format.js";
import { ask, isKeyMissing, KeyForm } from "../key.js";
import { Head, isShortcut, readAddress, start, writeAddress } from "../shell.js";
import { Reason } from "./reason.js";

const PERIODS = {
  day: ["24 hours", 86_400_000],
  week: ["7 days", 7 * 86_400_000],
  month: ["30 days", 30 * 86_400_000],
};
const REFRESH_MS = 15_000;

class RejectionsPage extends Component {
  constructor() {
    super();
    const { period, reason } = readAddress();
    this.state = {
      period: Object.hasOwn(PERIODS, period ?? "") ? period : "day",
      open: reason ?? null,
      overview: null,
      refusal: null,
    };
  }

  componentDidMount() {
    void this.load();
    setInterval(
      () => document.visibilityState === "visible" && !this.state.refusal?.needsKey && void this.load(),
      REFRESH_MS,
    );
    document.addEventListener("keydown", (event) => {
      if (isShortcut(event) && event.key === "r") void this.load();
    });
  }

  async load() {
    if (isKeyMissing() || this.state.refusal?.needsKey) return;
    const from = new Date(Date.now() - PERIODS[this.state.period][1]).toISOString();
    try {
      this.setState({ overview: await ask(`/rejections/reasons?from=${from}`), refusal: null });
    } catch (refusal) {
      this.setState({ refusal });
    }
  }

  show(state) {
    this.setState(state, () => {
      const { period, open } = this.state;
      writeAddress({ period: period === "day" ? "" : period, reason: open ?? "" });
      if (state.period) void this.load();
    });
  }

  render(_, { period, open, overview, refusal }) {
    const retry = () => this.setState({ refusal: null }, () => void this.load());
    if (isKeyMissing() || refusal?.needsKey) return html`<${Head} /><${KeyForm} refusal=${refusal} onKey=${retry} />`;
    return html`
      <${Head} />
      <main class="rejections">
        ${refusal && html`<p class="error" role="alert">${refusal.message}</p>`}
        ${overview && html`<${Overview} page=${this} period=${period} open=${open} overview=${overview} />`}
      </main>
    `;
  }
}

function Overview({ page, period, open, overview: { reasons, from, to } }) {
  const all = reasons.reduce((sum, { rejections }) => sum + rejections, 0);
  return html`
    <div class="overview">
      <div>
        <h1>${counted(all, "rejection")}</h1>
        <p class="quiet">
          ${reasons.length === 0 ? "Nothing was refused." : `for ${counted(reasons.length, "reason")}. Numbers lag by a few seconds.`}
        </p>
      </div>
      <div class="switch" role="group" aria-label="Period">
        ${Object.entries(PERIODS).map(
          ([name, [text]]) =>
            html`<button aria-pressed=${name === period} onClick=${() => page.show({ period: name })}>${text}</button>`,
        )}
      </div>
    </div>
    ${reasons.map(
      (reason) => html`
        <${Reason}
          key=${reason.reason}
          reason=${reason}
          from=${from}
          to=${to}
          isOpen=${open === reason.reason}
          onToggle=${(isOpen) => page.show({ open: isOpen ? reason.reason : null })}
          onChanged=${() => void page.load()}
        />
      `,
    )}
    ${
      reasons.length === 0 &&
      html`<div class="empty">
        <h2>All is well</h2>
        <p>Tracklog collects here what it refuses, by reason. Most SDKs tell nobody if an event is refused.</p>
        <a class="button" href="/live">Watch events arrive</a>
      </div>`
    }
  `;
}

start(RejectionsPage);
