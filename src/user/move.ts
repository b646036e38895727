import { chooseOpenDatabase, isOpen } from "../d1/open-databases.ts";
import { MAX_STRETCHES } from "../limits.ts";
import type { Backlog } from "./backlog.ts";
import type { Entry } from "./backlog-entry.ts";
import type { Backlogs } from "./backlogs.ts";
import type { LogRow } from "./event-table.ts";
import type { FailureStore } from "./failure-store.ts";
import type { LogState, Moved } from "./stored-values.ts";
import { continuedIn, databaseOf, stretchesOf, withEventIn } from "./stretches.ts";

/** Events that a full database lacks, and that another one is to get. */
export interface Move {
  from: string;
  to: string;
  backlog: Backlog;
  leaving: Leaving[];
  /** Which move of the log it is; see `Moved`. */
  moves: number;
  /** Whether these are all that the full database lacks. */
  isAll: boolean;
}

interface Leaving {
  entry: Entry;
  row: LogRow;
}

/** Where new events of a log should go: its own database, as long as that is open. Null where none is. */
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

/** Lets a log go on in another database from one of its events on. What it has in others stays there. */
export function goOn(state: LogState, first: number, database: string, until: number): void {
  state.moved = {
    ...movedOf(state),
    stretches: continuedIn(stretchesOf(state), first, database),
    until: Math.max(movedOf(state).until, until),
  };
  state.database = database;
}

/** Counts a move, so that whatever was sent before can be told from what is sent from now on. */
export function countMove(state: LogState): LogState {
  const moved = movedOf(state);
  return { ...state, moved: { ...moved, moves: moved.moves + 1 } };
}

/** What may leave a full database now, a part of it. To be given to `finishMove`. Strikes off what has left already. */
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
    // A whole pack may have left, and there may be others behind it.
    if (backlog.size === before || backlog.size === 0) return [];
  }
}

/**
 * Lets the other database get what the full one does not have. An event of which the full one has an older revision that
 * cannot leave stays, and so does one that would make too many stretches.
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
    // The log has let go of it while the full one was asked.
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
