import { settingsOf } from "./settings.ts";

/**
 * The object with a name. Every object is addressed here: under a jurisdiction the same name has another id, so one
 * caller that forgot it would find an empty object. Throws while JURISDICTION cannot be read, since what is written
 * elsewhere meanwhile would stay there, and where the runtime has no jurisdictions, as the local one.
 *
 * LOCATION is a hint that counts when an object is made, and objects never move. Without it each is made near its first
 * caller: a user's log near the user, a writer near whoever came first.
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
