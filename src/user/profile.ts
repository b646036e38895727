import type { TrackedEvent } from "../event/contract.ts";

type UserProperty = keyof TrackedEvent["profile"];

/** The latest value of a property, and the time and number of the event that it comes from. */
interface ProfileEntry {
  value: string;
  /** Epoch milliseconds. */
  timestamp: number;
  seq: number;
}

/** The latest value of each documented user property, in the order of (timestamp, seq). */
export type Profile = Partial<Record<UserProperty, ProfileEntry>>;

/** The values without their times. */
export function profileValues(profile: Profile): Partial<Record<UserProperty, string>> {
  return Object.fromEntries(Object.entries(profile).map(([key, { value }]) => [key, value]));
}

/**
 * The profile after an event was created or updated. The cost does not grow with the history, because each entry has
 * its time.
 *
 * @param seq the event's number; an update replaces the value that the event set before
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
