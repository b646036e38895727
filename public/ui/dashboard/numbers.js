import { useEffect, useRef, useState } from "../vendor/preact.js";
import { ask } from "../key.js";
import { ACTIVE_DAYS, boundsOf, stepsOf } from "./ranges.js";

const DAY = 86_400_000;

/** How many names get a colour of their own. */
const MAX_SERIES = 6;

export const OTHERS = "all others";

/**
 * The overview's numbers, read again at intervals while the page is visible. Earlier numbers stay until new ones
 * arrive.
 *
 * @returns {{numbers?: object, refusal?: Error, isLoading: boolean, refresh: () => void}}
 */
export function useNumbers(range, event) {
  const [state, setState] = useState({ isLoading: true });
  const [turn, setTurn] = useState(0);
  const current = useRef(0);
  useEffect(() => {
    const mine = ++current.current;
    setState((before) => ({ ...before, isLoading: true }));
    readNumbers(range, event, Date.now()).then(
      (numbers) => mine === current.current && setState({ numbers, isLoading: false }),
      (refusal) => mine === current.current && setState((before) => ({ ...before, refusal, isLoading: false })),
    );
  }, [range.name, event, turn]);
  useEffect(() => {
    const again = () => document.hidden || setTurn((count) => count + 1);
    const timer = setInterval(again, range.refresh);
    document.addEventListener("visibilitychange", again);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [range.name]);
  return { ...state, refresh: () => setTurn((count) => count + 1) };
}

function statsPath(query) {
  return `/stats?${new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined))}`;
}

/** A range as parameters of a query. */
function named({ from, to }) {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}

/** Asks by minute if the chart does, so that both count the same events. */
function namesBy({ by }) {
  return by === "minute" ? "minute,event" : "event";
}

async function readNumbers(range, event, now) {
  const bounds = boundsOf(range, now);
  const today = now - (now % DAY);
  const activeBounds = { from: today - (ACTIVE_DAYS - 1) * DAY, to: today + DAY };
  const [byTime, byName, active, verdicts, refusals, properties, databases] = await Promise.all([
    ask(statsPath({ ...named(bounds), by: `${range.by},event`, event })),
    event === undefined ? null : ask(statsPath({ ...named(bounds), by: namesBy(range) })),
    ask(statsPath({ ...named(activeBounds), by: "day" })),
    ask(statsPath({ ...named(bounds), by: "verdict" })),
    ask(statsPath({ ...named({ from: now - DAY, to: now }), by: "hour,verdict" })),
    event === undefined ? null : ask(`/stats/properties?${new URLSearchParams({ ...named(bounds), event })}`),
    ask("/stats/databases"),
  ]);
  return {
    bounds,
    range,
    chart: chartOf(byTime.rows, bounds, range),
    isWhole: byTime.complete,
    // The names of all events, so that another one can be chosen.
    names: totalsBy((byName ?? byTime).rows, "event"),
    total: byTime.rows.reduce((sum, { events }) => sum + events, 0),
    active: stepsOf(activeBounds, DAY).map((day) => {
      const row = active.rows.find((one) => Date.parse(one.day) === day);
      return { day, users: row ? row.users : 0, events: row?.events ?? 0 };
    }),
    verdicts: verdicts.rows,
    refusals: stepsOf(boundsOf({ length: DAY, step: 3_600_000 }, now), 3_600_000).map((hour) => ({
      hour,
      events: refusals.rows.find((row) => row.verdict === "rejected" && Date.parse(row.hour) === hour)?.events ?? 0,
    })),
    properties,
    databases,
    readAt: now,
  };
}

/** The numbers of each step for the most frequent names, and for the others together. */
function chartOf(rows, bounds, { by, step }) {
  const times = stepsOf(bounds, step);
  const places = new Map(times.map((time, index) => [time, index]));
  const names = totalsBy(rows, "event").map(({ name }) => name);
  const shown = names.length > MAX_SERIES ? names.slice(0, MAX_SERIES - 1) : names;
  const series = shown.map((name) => ({ name, values: times.map(() => 0) }));
  const others = { name: OTHERS, values: times.map(() => 0) };
  const byName = new Map(series.map((one) => [one.name, one]));
  for (const row of rows) {
    const place = places.get(Date.parse(row[by]));
    if (place === undefined) continue;
    (byName.get(row.event) ?? others).values[place] += row.events;
  }
  return { times, series: names.length > shown.length ? [...series, others] : series };
}

/** The sum for each name, the greatest first. */
function totalsBy(rows, field) {
  const totals = new Map();
  for (const row of rows) totals.set(row[field], (totals.get(row[field]) ?? 0) + row.events);
  return [...totals].map(([name, events]) => ({ name, events })).sort((a, b) => b.events - a.events);
}
