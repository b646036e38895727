// The names of the archive's objects. Hive-partitioned by the events' day, so that query engines can skip days.

/** Everything in the archive that holds events. */
export const objectPrefix = "events/v1/day=";

/** The name of a file: the same one for the same chunk, so that writing it again after a crash finds it there. */
export function objectName(database: string, day: string, chunk: number, revision: number): string {
  return `${objectPrefix}${day}/db=${database}/chunk=${String(chunk).padStart(6, "0")}-r${revision}.parquet`;
}

export function manifestName(database: string): string {
  return `events/v1/manifest/${database}.json`;
}

const NAME =
  /^events\/v1\/day=(?<day>\d{4}-\d{2}-\d{2})\/db=(?<database>DB(?:_\d+)?)\/(?<chunk>chunk=\d+)-r(?<revision>\d+)\.parquet$/;

/** Whether this is the name of an object that readers may have. */
export function isObjectName(name: string): boolean {
  return NAME.test(name);
}

export function dayOfObject(name: string): string {
  return part(name, "day");
}

export function databaseOfObject(name: string): string {
  return part(name, "database");
}

/** What a file and those that replaced it have in common. */
export function seriesOfObject(name: string): string {
  return `${part(name, "database")}/${part(name, "chunk")}`;
}

export function revisionOfObject(name: string): number {
  return Number(part(name, "revision"));
}

export function chunkOfObject(name: string): number {
  return Number(part(name, "chunk").slice("chunk=".length));
}

function part(name: string, group: "day" | "database" | "chunk" | "revision"): string {
  return NAME.exec(name)?.groups?.[group] ?? "";
}
