import { settingsOf } from "./settings.ts";

/**
 * The object with a name. Every object is addressed here: under a jurisdiction the same name has another id, so a
 * caller that forgot it would find an empty object. Throws if JURISDICTION cannot be read, since data written elsewhere
 * meanwhile would stay there, and if the runtime has no jurisdictions, like the local one.
 *
 * LOCATION is a hint that counts only when an object is created, and objects never move. Without it each object is
 * created near its first caller: a user's log near the user, a writer near the first user who needs it.
 */
export function objectOf<T extends Rpc.DurableObjectBranded>(
  env: Env,
  namespace: DurableObjectNamespace<T>,
  name: string,
): DurableObjectStub<T> {
  const { jurisdiction, location } = settingsOf(env);
  if (jurisdiction === "unreadable") throw new Error("JURISDICTION cannot be read, so nothing is written anywhere");
  const within = jurisdiction ? namespace.jurisdiction(jurisdiction) : namespace;
  return within.getByName(name, location ? { locationHint: location } : {});
}
