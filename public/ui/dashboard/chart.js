import uPlot from "../vendor/uplot.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { grouped } from "../format.js";

/** The colour of a series; the stylesheet defines it for light and dark. */
export function colourOf(index) {
  return `var(--series-${(index % 6) + 1})`;
}

const FORMATS = {
  minute: { hour: "2-digit", minute: "2-digit", hour12: false },
  hour: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false },
  // Days are UTC days, regardless of the viewer's time zone.
  day: { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" },
};

/** A time as the chart's legend shows it. */
export function stepName(time, by) {
  return new Intl.DateTimeFormat("en-GB", FORMATS[by]).format(time);
}

/**
 * Bars over time, stacked, with a legend that follows the pointer and the arrow keys.
 *
 * @param times epoch milliseconds of the steps
 * @param series [{name, label, values}]
 */
export function TimeChart({ times, series, by, height = 240, total = "in all", idle, onName, describe }) {
  const box = useRef(null);
  const chart = useRef(null);
  const [place, setPlace] = useState(null);
  useEffect(() => {
    const element = box.current;
    const draw = () => {
      chart.current?.destroy();
      chart.current = new uPlot(optionsOf(element, series, by, height, setPlace), stacked(times, series), element);
    };
    draw();
    const resized = new ResizeObserver(() => {
      if (Math.abs(chart.current.width - element.clientWidth) > 1)
        chart.current.setSize({ width: element.clientWidth, height });
    });
    resized.observe(element);
    // A canvas cannot use the stylesheet's colours by name, so it is drawn again when they change.
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      dark.removeEventListener("change", draw);
      chart.current.destroy();
      chart.current = null;
    };
  }, [times, series, by]);
  const move = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.min(times.length - 1, Math.max(0, (place ?? times.length) + step));
    setPlace(next);
    chart.current.setCursor({ left: chart.current.valToPos(times[next] / 1_000, "x"), top: 0 }, false);
  };
  const sumAt = (values) => (place === null ? values.reduce((sum, value) => sum + value, 0) : (values[place] ?? 0));
  const all = series.reduce((sum, { values }) => sum + sumAt(values), 0);
  return html`
    <figure class="chart">
      <div
        class="plot"
        ref=${box}
        tabindex="0"
        role="img"
        aria-label=${describe ?? "A chart. Use the arrow keys to read its values."}
        onKeyDown=${move}
        onBlur=${() => setPlace(null)}
      ></div>
      <figcaption class="legend" aria-live="polite">
        <span class="when"
          >${place === null ? total : stepName(times[place], by)}
          <b
            >${place === null && idle !== undefined ? (typeof idle === "number" ? grouped(idle) : idle) : grouped(all)}</b
          ></span
        >
        ${
          series.length > 1 || onName
            ? series.map(
                ({ name, label }, index) => html`
                  <button class="link series" onClick=${() => onName?.(name)} disabled=${!onName || name === null}>
                    <i class="swatch s${(index % 6) + 1}"></i>
                    <span>${label ?? name}</span>
                    <b>${grouped(sumAt(series[index].values))}</b>
                  </button>
                `,
              )
            : null
        }
      </figcaption>
    </figure>
  `;
}

/**
 * uPlot draws the series over each other, so the highest comes first: each is the sum of its own values and those
 * below.
 */
function stacked(times, series) {
  const sums = times.map(() => 0);
  const columns = series.map(({ values }) => values.map((value, index) => (sums[index] += value)));
  return [times.map((time) => time / 1_000), ...columns.toReversed()];
}

function optionsOf(element, series, by, height, onPlace) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim() && resolved(element, name);
  const quiet = colour("--quiet");
  const axis = {
    stroke: quiet,
    font: `11px ${style.fontFamily}`,
    ticks: { show: false },
    grid: { stroke: colour("--line"), width: 1 },
  };
  const step = { minute: 60, hour: 3_600, day: 86_400 }[by];
  return {
    width: Math.max(200, element.clientWidth),
    height,
    ...(by === "day" && { tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), "UTC") }),
    legend: { show: false },
    padding: [8, 14, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    // Half a step of room at each end, so that the first and the last bar are whole.
    scales: {
      x: { range: (_, min, max) => [min - step / 2, max + step / 2] },
      y: { range: (_, __, max) => [0, niceMax(max)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 64,
        size: 26,
        values: (_, ticks, ___, ____, gap) => ticks.map((tick) => tickName(tick, gap, by)),
      },
      {
        ...axis,
        size: 44,
        gap: 6,
        incrs: [1, 2, 5, 10, 20, 50].flatMap((n) => [0, 2, 4, 6].map((e) => n * 10 ** e)).sort((a, b) => a - b),
        values: (_, ticks) => ticks.map(short),
      },
    ],
    series: [
      {},
      ...series
        .map((_, index) => ({
          fill: resolved(element, `--series-${(index % 6) + 1}`),
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars({ size: [0.8, 60], align: 0 }),
        }))
        .toReversed(),
    ],
    hooks: { setCursor: [(plot) => onPlace(plot.cursor.idx ?? null)] },
  };
}

/** The current value of a stylesheet's colour, light or dark. */
function resolved(element, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

const DAY_TICK = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DAY_TICK_UTC = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const HOUR_TICK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hour12: false });

function niceMax(max) {
  return max > 0 ? Math.max(4, max * 1.05) : 4;
}

function tickName(seconds, gap, by) {
  const date = new Date(seconds * 1_000);
  if (by === "day") return DAY_TICK_UTC.format(date);
  return gap >= 86_400 || (by === "hour" && date.getHours() === 0) ? DAY_TICK.format(date) : HOUR_TICK.format(date);
}

function short(number) {
  return new Intl.NumberFormat("en-US", { notation: "compact" }).format(number);
}
