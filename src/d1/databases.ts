/**
 * The names of the D1 databases that a deployment binds, in their order: `DB`, and `DB_1`, `DB_2` and so on if one is
 * not enough. A D1 database holds 10 GB and runs one query at a time, so a larger deployment spreads its users over
 * several.
 */
export function databaseNames(env: Env): string[] {
  return Object.keys(env)
    .filter((name) => /^DB(_\d+)?$/.test(name))
    .sort((a, b) => numberOf(a) - numberOf(b));
}

function numberOf(name: string): number {
  return Number(name.slice("DB_".length) || 0);
}

/** Finds a database by its binding. Throws if there is none, as when a binding was removed although logs use it. */
export function databaseNamed(env: Env, name: string): D1Database {
  const database = (env as unknown as Record<string, D1Database | undefined>)[name];
  if (!database) throw new Error(`No D1 database is bound as ${name}, although events are kept there`);
  return database;
}

/**
 * Spreads texts over `count` places, counted from 0. The hash is FNV-1a over UTF-16 units, which is quick, followed by
 * MurmurHash's finalizer. The finalizer is needed because the lowest bit of FNV-1a is only the parity of the text, so
 * the same users would share a place whatever prefix is put before their ids. Another hash would do as well, but a
 * user's place must never change while rows are on their way.
 */
export function placeOf(text: string, count: number): number {
  let hashed = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hashed = Math.imul(hashed ^ text.charCodeAt(i), 0x01000193);
  hashed = Math.imul(hashed ^ (hashed >>> 16), 0x85ebca6b);
  hashed = Math.imul(hashed ^ (hashed >>> 13), 0xc2b2ae35);
  return ((hashed ^ (hashed >>> 16)) >>> 0) % count;
}
