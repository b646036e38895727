import { DAY_MS, floorTo } from "../d1/hour.ts";
import type { LogState, Stretch } from "./stored-values.ts";

type Whereabouts = Pick<LogState, "database" | "moved">;

/** The database that the event with a number belongs to. */
export function databaseOf({ database, moved }: Whereabouts, seq: number): string {
  return moved ? databaseAt(moved.stretches, seq) : database;
}

/** All databases that may have events of a log. */
export function databasesOf({ database, moved }: Whereabouts): string[] {
  return [...new Set([database, ...Object.keys(moved?.others ?? {})])];
}

/** The stretches of a log; there is one if the log never moved. */
export function stretchesOf({ database, moved }: Whereabouts): Stretch[] {
  return moved?.stretches ?? [{ first: 1, database }];
}

/** The stretches if all events from number `first` on belong to a database. */
export function continuedIn(stretches: readonly Stretch[], first: number, database: string): Stretch[] {
  return joined([...stretches.filter((stretch) => stretch.first < first), { first, database }]);
}

/** The stretches if one event belongs to a database and the events around it stay where they are. */
export function withEventIn(stretches: readonly Stretch[], seq: number, database: string): Stretch[] {
  const rest = { first: seq + 1, database: databaseAt(stretches, seq + 1) };
  const others = stretches.filter(({ first }) => first !== seq && first !== seq + 1);
  return joined([...others, { first: seq, database }, rest].sort((a, b) => a.first - b.first));
}

/** Those of the times, in epoch milliseconds, on whose days other databases may have events of the log as well. */
export function sharedTimes({ moved }: Whereabouts, times: readonly number[]): number[] {
  return moved ? times.filter((time) => floorTo(DAY_MS, time) <= moved.until) : [];
}

function databaseAt(stretches: readonly Stretch[], seq: number): string {
  return stretches.findLast(({ first }) => first <= seq)!.database;
}

/** Joins neighbouring stretches that are in the same database. */
function joined(stretches: readonly Stretch[]): Stretch[] {
  return stretches.filter(({ database }, index) => database !== stretches[index - 1]?.database);
}
