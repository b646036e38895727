import { LOAD_NAMES, type LoadName } from "../loads.ts";
import type { Spread } from "../spread.ts";
import type { Beside } from "./beside.ts";
import { CLIENT_NAMES, type ClientName } from "./retry-storm.ts";
import { SYSTEM_NAMES, type SystemName } from "./systems.ts";

const TITLES: Record<SystemName, string> = {
  tracklog: "Tracklog",
  direct: "`INSERT` into D1 in the request",
  node: "Node and PostgreSQL",
};

const LOADS: Record<LoadName, string> = {
  single: "single events",
  new_users: "first events of new users",
  batch_one_user: "batches of 100, one user",
  batch_many_users: "batches of 100, 100 users",
  duplicates: "all duplicates",
};

const CLIENTS: Record<ClientName, string> = {
  same: "the same body, with an id",
  sameWithoutId: "the same body, without an id",
  segment: "as Segment's SDKs do",
  withoutTime: "an id, but no time",
  newTime: "a new time at each attempt, and no id",
};

/** Two tables of Markdown, from which those in the documentation are made. */
export function besideReport({ throughputs, storms }: Beside): string {
  const names = SYSTEM_NAMES.filter((name) => storms[name] !== undefined);
  const heading = (first: string) => [
    `| ${first} | ${names.map((name) => TITLES[name]).join(" | ")} |`,
    `|---|${names.map(() => "---|").join("")}`,
  ];
  const row = (title: string, cellOf: (name: SystemName) => string) =>
    `| ${title} | ${names.map(cellOf).join(" | ")} |`;
  const speeds = LOAD_NAMES.map((load) =>
    row(LOADS[load], (name) => {
      const { eventsPerSecond, p50Ms, p99Ms, ratio } = throughputs[load][name];
      const share = name === "tracklog" ? "" : `; Tracklog is ×${spread(ratio, 2)}`;
      return `${eventsPerSecond.median.toFixed(0)} (${p50Ms.median.toFixed(0)}, ${p99Ms.median.toFixed(0)})${share}`;
    }),
  );
  const losses = CLIENT_NAMES.map((client) =>
    row(CLIENTS[client], (name) => {
      const { lost, doubled, events, repeated } = storms[name]![client];
      return `${lost} lost, ${doubled} doubled of ${events} (${repeated} sent again)`;
    }),
  );
  return [
    ...heading("events per second (p50, p99 in ms)"),
    ...speeds,
    "",
    ...heading("what the client sends again, with five kills"),
    ...losses,
    ...(names.includes("node")
      ? []
      : ["", "Node with PostgreSQL was left out, because `initdb` and `postgres` are not installed."]),
  ].join("\n");
}

function spread({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}
