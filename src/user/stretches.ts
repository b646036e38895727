import { DAY_MS, floorTo } from "../d1/hour.ts";
import type { LogState, Stretch } from "./stored-values.ts";

type Whereabouts = Pick<LogState, "database" | "moved">;

/** The database that an event of a log belongs to, by the event's number. */
export function databaseOf({ database, moved }: Whereabouts, seq: number): string {
  return moved ? databaseAt(moved.stretches, seq) : database;
}

/** All databases that may have anything of a log. */
export function databasesOf({ database, moved }: Whereabouts): string[] {
  return [...new Set([database, ...Object.keys(moved?.others ?? {})])];
}

/** The stretches of a log, also of one that never moved. */
export function stretchesOf({ database, moved }: Whereabouts): Stretch[] {
  return moved?.stretches ?? [{ first: 1, database }];
}

/** Lets all events from a number on belong to a database. */
export function continuedIn(stretches: readonly Stretch[], first: number, database: string): Stretch[] {
  return joined([...stretches.filter((stretch) => stretch.first < first), { first, database }]);
}

/** Lets one event belong to a database, and those around it where they do. */
export function withEventIn(stretches: readonly Stretch[], seq: number, database: string): Stretch[] {
  const rest = { first: seq + 1, database: databaseAt(stretches, seq + 1) };
  const others = stretches.filter(({ first }) => first !== seq && first !== seq + 1);
  return joined([...others, { first: seq, database }, rest].sort((a, b) => a.first - b.first));
}

/** Which of some events' times are of days on which other databases may have events of the log, too. */
export function sharedTimes({ moved }: Whereabouts, times: readonly number[]): number[] {
  return moved ? times.filter((time) => floorTo(DAY_MS, time) <= moved.until) : [];
}

function databaseAt(stretches: readonly Stretch[], seq: number): string {
  return stretches.findLast(({ first }) => first <= seq)!.database;
}

/** Leaves out what begins no other database. */
function joined(stretches: readonly Stretch[]): Stretch[] {
  return stretches.filter(({ database }, index) => database !== stretches[index - 1]?.database);
}
