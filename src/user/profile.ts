import { USER_PROPERTIES, type TrackedEvent } from "../event/contract.ts";
import type { Verdict } from "./record-event.ts";

type UserProperty = (typeof USER_PROPERTIES)[number];

/** The latest value of a property by event time, and the event that it is from. */
interface ProfileEntry {
  value: string;
  timestamp: number;
  seq: number;
  /** Events past this seq may have said the same at a later time: writing that down would cost a row an event. */
  throughSeq: number;
}

type Profile = Partial<Record<UserProperty, ProfileEntry>>;

export function readProfile(storage: DurableObjectStorage): Profile {
  return storage.kv.get<Profile>("profile") ?? {};
}

export function writeProfile(storage: DurableObjectStorage, profile: Profile): void {
  storage.kv.put("profile", profile);
}

/** The known values alone. */
export function profileValues(profile: Profile): Partial<Record<UserProperty, string>> {
  return Object.fromEntries(Object.entries(profile).map(([key, { value }]) => [key, value]));
}

/**
 * Takes the documented properties of a just recorded event into the profile.
 *
 * A value that is known already changes nothing, so it is not written, and the entry's time may lag behind. Only a
 * late event or an update with another value needs that time: then what came since is looked through, once.
 *
 * @param headSeq the seq of the newest event of the log
 * @returns whether the profile has to be written
 */
export function noteProperties(
  sql: SqlStorage,
  profile: Profile,
  event: TrackedEvent,
  recorded: Verdict,
  headSeq: number,
): boolean {
  if (recorded.status !== "created" && recorded.status !== "updated") return false;
  const isNewest = recorded.status === "created" && !recorded.late;
  let changed = false;
  for (const key of USER_PROPERTIES) {
    const value = event.profile[key];
    if (value === undefined) continue;
    const known = profile[key];
    // An update may give an older event the known value, whose time then counts although it is not a new one.
    if (known?.value === value && recorded.status === "created") continue;
    const candidate = { value, timestamp: event.timestamp, seq: recorded.seq, throughSeq: headSeq };
    const latest = known && !isNewest ? latestOf(sql, key, known, headSeq) : undefined;
    profile[key] = latest && isAfter(latest, candidate) ? latest : candidate;
    changed = true;
  }
  return changed;
}

/** The entry brought up to date with the events that came since it was written. */
function latestOf(sql: SqlStorage, key: UserProperty, known: ProfileEntry, headSeq: number): ProfileEntry {
  const [since] = sql
    .exec<{ value: string; timestamp: number; seq: number }>(
      // As JSON text: SQLite's own text could not hold every string that JSON can, such as half of a surrogate pair.
      `SELECT properties -> '$.${key}' AS value, timestamp, seq FROM events
       WHERE seq > ? AND json_type(properties, '$.${key}') = 'text'
       ORDER BY timestamp DESC, seq DESC LIMIT 1`,
      known.throughSeq,
    )
    .toArray();
  if (!since || !isAfter(since, known)) return { ...known, throughSeq: headSeq };
  return { ...since, value: JSON.parse(since.value) as string, throughSeq: headSeq };
}

function isAfter(a: { timestamp: number; seq: number }, b: { timestamp: number; seq: number }): boolean {
  return a.timestamp > b.timestamp || (a.timestamp === b.timestamp && a.seq > b.seq);
}
