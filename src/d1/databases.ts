/**
 * The D1 databases that a deployment binds: `DB`, and where one is not enough `DB_1`, `DB_2` and so on. A D1 database
 * holds 10 GB and runs one query at a time, so a larger deployment spreads its users over several.
 */
export function databaseNames(env: Env): string[] {
  return Object.keys(env)
    .filter((name) => /^DB(_\d+)?$/.test(name))
    .sort((a, b) => numberOf(a) - numberOf(b));
}

function numberOf(name: string): number {
  return Number(name.slice("DB_".length) || 0);
}

/** Finds a database by its binding. Throws where a log was begun on one that is bound no more. */
export function databaseNamed(env: Env, name: string): D1Database {
  const database = (env as unknown as Record<string, D1Database | undefined>)[name];
  if (!database) throw new Error(`No D1 database is bound as ${name}, although events are kept there`);
  return database;
}

/**
 * Spreads texts over `count` places, from 0 on. FNV-1a over UTF-16 units, quick and without state, and then MurmurHash's
 * finalizer: the lowest bit of FNV is only the parity of the text, so the same users would meet again whatever is put
 * before their ids. Any other hash would do, but a user's place must never change while rows are on their way.
 */
export function placeOf(text: string, count: number): number {
  let hashed = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hashed = Math.imul(hashed ^ text.charCodeAt(i), 0x01000193);
  hashed = Math.imul(hashed ^ (hashed >>> 16), 0x85ebca6b);
  hashed = Math.imul(hashed ^ (hashed >>> 13), 0xc2b2ae35);
  return ((hashed ^ (hashed >>> 16)) >>> 0) % count;
}
