import { databaseNamed, databaseNames } from "../d1/databases.ts";
import {
  MAX_SAMPLED_EVENTS,
  MAX_SCANNED_ROWS,
  MAX_TOLD_PROPERTIES,
  MAX_TOLD_VALUE_CHARACTERS,
  MAX_TOLD_VALUES,
} from "../limits.ts";

interface PropertyValues {
  property: string;
  /** How many of the sampled events have it. */
  events: number;
  /** How many different values it has. */
  distinct: number;
  /** The most frequent values, as text; objects and arrays as JSON. */
  values: { value: string | null; events: number }[];
}

interface Properties {
  /** How many events were sampled. */
  events: number;
  /** Whether these are all events of the range; otherwise they are its newest. */
  isWhole: boolean;
  properties: PropertyValues[];
}

interface PropertiesQuery {
  /** Undefined for all events together. */
  event?: string | undefined;
  /** Epoch milliseconds, inclusive. */
  from: number;
  /** Epoch milliseconds, exclusive. */
  to: number;
}

/** Reads only the newest events of the range, so that the work is bounded even if the name is rare. */
const SCANNED = `
scanned AS MATERIALIZED (
  SELECT event, properties FROM events WHERE timestamp >= ?1 AND timestamp < ?2
  ORDER BY timestamp DESC LIMIT ${MAX_SCANNED_ROWS}),
sampled AS MATERIALIZED (SELECT properties FROM scanned WHERE event = coalesce(?3, event) LIMIT ${MAX_SAMPLED_EVENTS})`;

const EXTENT = `WITH ${SCANNED} SELECT (SELECT count(*) FROM sampled) AS events,
  (SELECT count(*) FROM scanned) < ${MAX_SCANNED_ROWS} AND (SELECT count(*) FROM scanned WHERE event = coalesce(?3, event))
    <= ${MAX_SAMPLED_EVENTS} AS isWhole`;

const VALUES = `
WITH ${SCANNED},
counted AS (
  SELECT property.key AS property,
    substr(CASE property.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE property.value END,
      1, ${MAX_TOLD_VALUE_CHARACTERS}) AS value, count(*) AS events
  FROM sampled CROSS JOIN json_each(sampled.properties) AS property GROUP BY 1, 2),
placed AS (
  SELECT *, sum(events) OVER (PARTITION BY property) AS total, count(*) OVER (PARTITION BY property) AS "distinct",
    row_number() OVER (PARTITION BY property ORDER BY events DESC, value) AS place
  FROM counted)
SELECT property, value, events, total, "distinct" FROM placed
WHERE place <= ${MAX_TOLD_VALUES} ORDER BY total DESC, property, place
LIMIT ${MAX_TOLD_VALUES * MAX_TOLD_PROPERTIES}`;

interface ValueRow {
  property: string;
  value: string | number | null;
  events: number;
  total: number;
  distinct: number;
}

/** Counts the values of an event's properties in its newest events. Rejects with what D1 throws. */
export async function readProperties(env: Env, { event, from, to }: PropertiesQuery): Promise<Properties> {
  const found = await Promise.all(
    databaseNames(env).map((name) => {
      const database = databaseNamed(env, name);
      return database.batch<never>([EXTENT, VALUES].map((sql) => database.prepare(sql).bind(from, to, event ?? null)));
    }),
  );
  const extents = found.map(([extent]) => extent!.results[0] as unknown as { events: number; isWhole: number });
  return {
    events: extents.reduce((sum, { events }) => sum + events, 0),
    isWhole: extents.every(({ isWhole }) => isWhole === 1),
    properties: merged(found.map(([, values]) => values!.results as unknown as ValueRow[])),
  };
}

/**
 * With several databases, the number of different values is that of the database that has the most, which is a lower
 * bound.
 */
function merged(databases: ValueRow[][]): PropertyValues[] {
  const properties = new Map<string, PropertyValues>();
  for (const rows of databases) {
    const seen = new Set<string>();
    for (const { property, value, events, total, distinct } of rows) {
      const known = properties.get(property) ?? { property, events: 0, distinct: 0, values: [] };
      properties.set(property, known);
      if (!seen.has(property)) known.events += total;
      seen.add(property);
      known.distinct = Math.max(known.distinct, distinct);
      const text = value === null ? null : String(value);
      const same = known.values.find((other) => other.value === text);
      if (same) same.events += events;
      else known.values.push({ value: text, events });
    }
  }
  for (const property of properties.values())
    property.values = property.values.sort((a, b) => b.events - a.events).slice(0, MAX_TOLD_VALUES);
  return [...properties.values()].sort((a, b) => b.events - a.events).slice(0, MAX_TOLD_PROPERTIES);
}
