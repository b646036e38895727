import { MAX_TALLIED_CHARACTERS, MAX_TALLIED_KINDS, MAX_TALLIED_REJECTIONS } from "../../limits.ts";
import { floorTo, HOUR_MS } from "../hour.ts";
import type { Rejection } from "./rejection.ts";

/** How many rejections with the same reason, event and key there were in an hour. */
export interface RejectionCount {
  /** Its beginning, in epoch milliseconds. */
  hour: number;
  reason: string;
  event: string;
  source: string;
  rejections: number;
}

type Kind = Pick<Rejection, "receivedAt" | "reason" | "event" | "source">;

/** The rejections that an isolate has not stored yet. Counts all of them, and keeps some as samples. */
export class Tally {
  readonly #counts = new Map<string, RejectionCount>();
  readonly rejections: Rejection[] = [];
  /** How many samples of each reason there are. */
  readonly #kept = new Map<string, number>();
  #characters = 0;

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  get counts(): RejectionCount[] {
    return [...this.#counts.values()];
  }

  /** Counts rejections. After MAX_TALLIED_KINDS new kinds lose the event's name, because clients may invent names. */
  count({ receivedAt, reason, event, source }: Kind, rejections = 1): void {
    const hour = floorTo(HOUR_MS, receivedAt);
    const kindOf = (name: string) => JSON.stringify([hour, reason, name, source]);
    const isFull = this.#counts.size >= MAX_TALLIED_KINDS && !this.#counts.has(kindOf(event ?? ""));
    const name = isFull ? "" : (event ?? "");
    const known = this.#counts.get(kindOf(name));
    if (known) known.rejections += rejections;
    else if (!isFull || this.#counts.size < 2 * MAX_TALLIED_KINDS)
      this.#counts.set(kindOf(name), { hour, reason, event: name, source: source ?? "", rejections });
  }

  /**
   * Keeps a rejection as a sample, if there is room. Does not count it.
   *
   * @param limit how many samples of one reason are kept
   */
  keep(rejection: Rejection, limit: number): void {
    const ofReason = this.#kept.get(rejection.reason) ?? 0;
    if (ofReason >= limit) return;
    const characters = (rejection.body?.length ?? 0) + JSON.stringify(rejection.faults).length;
    const isFull = this.rejections.length >= MAX_TALLIED_REJECTIONS;
    if (isFull || this.#characters + characters > MAX_TALLIED_CHARACTERS) return;
    this.#characters += characters;
    this.#kept.set(rejection.reason, ofReason + 1);
    this.rejections.push(rejection);
  }

  /** Adds the rejections of a tally that could not be stored. */
  takeBack(tally: Tally): void {
    for (const { hour, rejections, ...kind } of tally.counts) this.count({ ...kind, receivedAt: hour }, rejections);
    for (const rejection of tally.rejections) this.keep(rejection, MAX_TALLIED_REJECTIONS);
  }
}
