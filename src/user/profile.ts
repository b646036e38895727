import type { TrackedEvent } from "../event/contract.ts";

type UserProperty = keyof TrackedEvent["profile"];

/** The latest value of a property by event time, and the event that it is from. */
interface ProfileEntry {
  value: string;
  /** Epoch milliseconds. */
  timestamp: number;
  seq: number;
}

/** What is known of the user: for each documented property the latest value by (timestamp, seq). */
export type Profile = Partial<Record<UserProperty, ProfileEntry>>;

/** The known values alone. */
export function profileValues(profile: Profile): Partial<Record<UserProperty, string>> {
  return Object.fromEntries(Object.entries(profile).map(([key, { value }]) => [key, value]));
}

/**
 * The profile after an event was created or updated. Costs the same for any history, since each entry knows its time.
 *
 * @param seq the event's number; the event's own earlier value gives way to a newer one
 */
export function withProfileOf(profile: Profile, { profile: sent, timestamp }: TrackedEvent, seq: number): Profile {
  const entries = Object.entries(sent) as [UserProperty, string][];
  const newer = entries.filter(([key]) => {
    const known = profile[key];
    return !known || timestamp > known.timestamp || (timestamp === known.timestamp && seq >= known.seq);
  });
  if (newer.length === 0) return profile;
  return { ...profile, ...Object.fromEntries(newer.map(([key, value]) => [key, { value, timestamp, seq }])) };
}
