// The names of the archive's objects. They are partitioned by day as in Hive, so that query engines can skip days.

/** The prefix of all objects that hold events. */
export const objectPrefix = "events/v1/day=";

/** The parts of the name of a file of events. */
interface ObjectName {
  /** The day of its events, as YYYY-MM-DD in UTC. */
  day: string;
  database: string;
  chunk: number;
  /** Rises whenever the chunk is rewritten. */
  revision: number;
}

/** The name of a file. A repeated attempt after a crash gets the same name, and so finds what the first has written. */
export function objectName({ day, database, chunk, revision }: ObjectName): string {
  return `${objectPrefix}${day}/db=${database}/chunk=${String(chunk).padStart(6, "0")}-r${revision}.parquet`;
}

export function manifestName(database: string): string {
  return `events/v1/manifest/${database}.json`;
}

const NAME =
  /^events\/v1\/day=(?<day>\d{4}-\d{2}-\d{2})\/db=(?<database>DB(?:_\d+)?)\/chunk=(?<chunk>\d{6,})-r(?<revision>\d+)\.parquet$/;

/** Null if this is not the name of a file of events. */
export function parseObjectName(name: string): ObjectName | null {
  const groups = NAME.exec(name)?.groups as Record<keyof ObjectName, string> | undefined;
  if (!groups) return null;
  const { day, database, chunk, revision } = groups;
  return { day, database, chunk: Number(chunk), revision: Number(revision) };
}
