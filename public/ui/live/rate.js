import { html } from "../vendor/preact.js";

const SECONDS = 60;
const WIDTH = 3;
const HEIGHT = 22;

/** The events of the last minute, with a bar for each second and rejected events in their colour. */
export function Rate({ recent, now }) {
  const bars = Array.from({ length: SECONDS }, () => ({ all: 0, rejected: 0 }));
  const second = Math.floor(now / 1_000);
  for (const { at, isRejected } of recent) {
    const bar = bars[SECONDS - 1 - (second - Math.floor(at / 1_000))];
    if (!bar) continue;
    bar.all++;
    if (isRejected) bar.rejected++;
  }
  const most = Math.max(4, ...bars.map(({ all }) => all));
  const height = (count) => (count === 0 ? 0 : Math.max(2, (count / most) * HEIGHT));
  return html`
    <svg
      class="rate"
      preserveAspectRatio="none"
      viewBox="0 0 ${SECONDS * WIDTH} ${HEIGHT}"
      role="img"
      aria-label="Events of the last minute, by second"
    >
      ${bars.map(
        ({ all, rejected }, index) => html`
          <rect class="all" x=${index * WIDTH} y=${HEIGHT - height(all)} width=${WIDTH - 1} height=${height(all)} />
          <rect
            class="rejected"
            x=${index * WIDTH}
            y=${HEIGHT - height(rejected)}
            width=${WIDTH - 1}
            height=${height(rejected)}
          />
        `,
      )}
    </svg>
  `;
}
