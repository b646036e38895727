import { chooseOpenDatabase, isOpen } from "../d1/open-databases.ts";
import { MAX_STRETCHES } from "../limits.ts";
import type { Backlog } from "./backlog.ts";
import type { Entry } from "./backlog-entry.ts";
import type { Backlogs } from "./backlogs.ts";
import type { LogRow } from "./event-table.ts";
import type { FailureStore } from "./failure-store.ts";
import type { LogState, Moved } from "./stored-values.ts";
import { continuedIn, databaseOf, stretchesOf, withEventIn } from "./stretches.ts";

/** Events that a full database lacks and that should go to another one. */
export interface Move {
  from: string;
  to: string;
  backlog: Backlog;
  leaving: Leaving[];
  /** The number of this move of the log; see `Moved`. */
  moves: number;
  /** Whether these are all that the full database lacks. */
  isAll: boolean;
}

interface Leaving {
  entry: Entry;
  row: LogRow;
}

/** Where new events of a log should go: its own database, as long as that is open. Null if none is open. */
export function openDatabaseFor(
  env: Env,
  { database, userId }: LogState,
  failures: FailureStore,
  now: number,
): string | null {
  const isFull = failures.get(database)?.failure === "full";
  if (!isFull && isOpen(env, database, now)) return database;
  return chooseOpenDatabase(env, userId, now, database);
}

/** Continues a log in another database from event number `first` on. Earlier events stay where they are. */
export function goOn(state: LogState, first: number, database: string, until: number): void {
  state.moved = {
    ...movedOf(state),
    stretches: continuedIn(stretchesOf(state), first, database),
    until: Math.max(movedOf(state).until, until),
  };
  state.database = database;
}

/** Counts a move, so that writers can refuse calls that were sent before it. */
export function countMove(state: LogState): LogState {
  const moved = movedOf(state);
  return { ...state, moved: { ...moved, moves: moved.moves + 1 } };
}

/**
 * A part of the events that may leave a full database, for `finishMove`. Removes those that have left from the backlog.
 */
export function leavingOf(
  state: LogState,
  database: string,
  backlog: Backlog,
  read: (entry: Entry) => LogRow | undefined,
): Leaving[] {
  for (;;) {
    const before = backlog.size;
    const leaving = backlog.beginMove().flatMap((entry) => {
      const row = read(entry);
      if (row && databaseOf(state, row.seq) === database) return [{ entry, row }];
      if (row) backlog.giveUp(entry.key);
      return [];
    });
    if (leaving.length > 0) return leaving;
    backlog.endMove();
    // All events of this pack may have left, and there may be other packs after it.
    if (backlog.size === before || backlog.size === 0) return [];
  }
}

/**
 * Moves the events that the full database does not have to the other one. An event stays if the full one has an older
 * revision of it that cannot leave, or if it would make too many stretches.
 *
 * @param kept the revision of each event that the full one has, by the event's number
 */
export function finishMove(
  state: LogState,
  backlogs: Backlogs,
  { from, to, backlog, leaving }: Move,
  kept: ReadonlyMap<number, number>,
): void {
  const moved = movedOf(state);
  if (state.database === from) goOn(state, state.headSeq + 1, to, state.headTimestamp);
  else state.moved = { ...moved, until: Math.max(moved.until, state.headTimestamp) };
  for (const { entry, row } of leaving) {
    // The event has expired while the full database was asked.
    if (row.timestamp < (state.expired?.before ?? 0)) continue;
    const revision = kept.get(row.seq);
    if (revision !== undefined) {
      if (revision >= row.revision) backlog.strike([entry]);
      continue;
    }
    const stretches = withEventIn(stretchesOf(state), row.seq, to);
    if (stretches.length > MAX_STRETCHES) continue;
    state.moved = { ...movedOf(state), stretches };
    backlog.giveUp(entry.key);
    backlogs.of(to).takeOver(entry.key);
  }
}

function movedOf(state: LogState): Moved {
  return state.moved ?? { stretches: stretchesOf(state), others: {}, moves: 0, until: -1 };
}
