/** Finds a D1 database among the Worker's bindings. Throws where a log was begun on one that is bound no more. */
export function databaseNamed(env: Env, name: string): D1Database {
  const database = (env as unknown as Record<string, D1Database | undefined>)[name];
  if (!database) throw new Error(`No D1 database is bound as ${name}, which holds events of this user`);
  return database;
}
