// The names of the archive's objects. Hive-partitioned by the events' day, so that query engines can skip days.

/** Everything in the archive that holds events. */
export const objectPrefix = "events/v1/day=";

/** What the name of a file of events says. */
interface ObjectName {
  /** The day of its events, as YYYY-MM-DD in UTC. */
  day: string;
  database: string;
  chunk: number;
  /** Grows with each rewriting of the same chunk. */
  revision: number;
}

/** The name of a file: the same one for the same chunk, so that writing it again after a crash finds it there. */
export function objectName({ day, database, chunk, revision }: ObjectName): string {
  return `${objectPrefix}${day}/db=${database}/chunk=${String(chunk).padStart(6, "0")}-r${revision}.parquet`;
}

export function manifestName(database: string): string {
  return `events/v1/manifest/${database}.json`;
}

const NAME =
  /^events\/v1\/day=(?<day>\d{4}-\d{2}-\d{2})\/db=(?<database>DB(?:_\d+)?)\/chunk=(?<chunk>\d{6,})-r(?<revision>\d+)\.parquet$/;

/** Null where it is no name of a file of events. */
export function parseObjectName(name: string): ObjectName | null {
  const groups = NAME.exec(name)?.groups as Record<keyof ObjectName, string> | undefined;
  if (!groups) return null;
  const { day, database, chunk, revision } = groups;
  return { day, database, chunk: Number(chunk), revision: Number(revision) };
}
