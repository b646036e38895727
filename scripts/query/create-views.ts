import type { DuckDBConnection } from "@duckdb/node-api";
import type { EventFiles } from "./download-events.ts";

const HOT_COLUMNS = `{
  user_id: 'VARCHAR', generation: 'BIGINT', timestamp: 'TIMESTAMP', event: 'VARCHAR', message_id: 'VARCHAR',
  seq: 'BIGINT', revision: 'INTEGER', properties: 'JSON', context: 'JSON', received_at: 'TIMESTAMP', source: 'VARCHAR'
}`;

const COLUMNS =
  "user_id, generation, timestamp, event, message_id, seq, revision, properties, context, received_at, source";

const ARCHIVED_COLUMNS = COLUMNS.replace("timestamp", "epoch_ms(timestamp) AS timestamp")
  .replace("received_at", "epoch_ms(received_at) AS received_at")
  .replace("properties, context", "properties::JSON AS properties, context::JSON AS context");

/** Makes the view `events` of the archive and D1 together, with each event once, in its latest revision. */
export async function createViews(connection: DuckDBConnection, { archived, hot, erased }: EventFiles): Promise<void> {
  const json = (file: string, columns: string) =>
    `read_json(${quoted(file)}, format = 'newline_delimited', columns = ${columns})`;
  const parts = [`SELECT ${COLUMNS} FROM ${json(hot, HOT_COLUMNS)}`];
  if (archived.length > 0)
    parts.push(
      `SELECT ${ARCHIVED_COLUMNS} FROM read_parquet([${archived.map(quoted).join(", ")}], hive_partitioning = false)`,
    );
  const gone = json(erased, "{erased: 'VARCHAR', generation: 'BIGINT'}");
  await connection.run(`
    CREATE VIEW events AS
    SELECT ${COLUMNS} FROM (${parts.join(" UNION ALL ")}) AS found
    WHERE NOT EXISTS (SELECT 1 FROM ${gone} AS gone WHERE gone.erased = found.user_id AND gone.generation = found.generation)
    QUALIFY row_number() OVER (PARTITION BY user_id, generation, seq ORDER BY revision DESC) = 1`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
