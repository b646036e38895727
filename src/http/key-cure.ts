import { type KeyKind, SECRETS } from "./keys.ts";

/**
 * What is wrong with the key of a request: there is none, the Authorization header has no form that is taken, it is the
 * secret's whole entry `name:key`, it is nobody's, it is nobody's while Basic has a password, or it is of the other kind.
 */
export type KeyFault = "missing" | "unreadable" | "whole_entry" | "unknown" | "password" | "wrong_kind";

/** What to do about a key that was not taken. Never repeats what was sent. */
export function keyCure(kind: KeyKind, fault: KeyFault): string {
  const secret = SECRETS[kind];
  const ways = `as "Authorization: Bearer <key>", as the user name of Basic, or as x-api-key${kind === "write" ? ", or, for beacons, as ?writeKey=" : ""}`;
  switch (fault) {
    case "missing":
      return `This needs a ${kind} key, and none was sent. Send it ${ways}.`;
    case "unreadable":
      return `This needs a ${kind} key, and the Authorization header holds none in a form that is taken here. Send it ${ways}.`;
    case "whole_entry":
      return `What was sent holds a colon, and no key does. The secret ${secret} lists "name:key": send only what is after the colon.`;
    case "password":
      return `This needs a ${kind} key, and the user name of Basic is none. The key is the user name, without the name that it has in ${secret}, and the password stays empty.`;
    case "unknown":
      return `The key that was sent is not in ${secret}. Compare the two: of an entry "name:key", send only what is after the colon.`;
    case "wrong_kind":
      return kind === "write"
        ? `This is a read key, which cannot write. Send one of ${secret}, and keep read keys out of pages and apps.`
        : `This is a write key, which can neither read nor erase. Send one of ${secret}.`;
  }
}
