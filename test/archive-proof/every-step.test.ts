import { COPY_EXPIRY_DELAY_MS } from "../../src/limits.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Deployment, type SentEvent, until } from "./deployment.ts";
import { compareWithLogs, compareWithManifest, tracesOf } from "./oracle.ts";
import type { Fault, FaultMode } from "./fault.ts";

const IS_WHOLE = process.env["ARCHIVE_PROOF"] === "whole";
const MODES: FaultMode[] = ["crash after", "fail after", "crash before", "late", "fail before", "hang after"];
/** How many of a job's steps `npm test` tries. */
const FEW = 4;

let deployment: Deployment;
let runs = 0;

beforeAll(async () => {
  deployment = await Deployment.start();
});

afterAll(() => deployment.stop());

interface Work {
  given: () => Promise<void>;
  work: () => Promise<void>;
  /** The users of whom nothing may be left. */
  gone?: () => string[];
  settings?: Pick<Fault, "retentionDays">;
  /** Events from before this time are not kept. */
  since?: string;
}

/** Each kind of the archiver's work: what exists before it, and what starts it and continues it until it is done. */
const WORKS: Record<string, Work> = {
  "moving rows into files": {
    given: async () => {
      await haveEvents();
    },
    work: () => deployment.archiveAll(),
  },
  "moving rows that change before they leave": {
    given: async () => {
      await haveEvents();
    },
    work: async () => {
      await deployment.archive();
      await deployment.track([event("a", 1, { changed: true }), event("b", 2, { changed: true }), event("b", 8)]);
      await deployment.settled();
      await deployment.archiveAll();
    },
  },
  "putting small files into one": {
    given: async () => {
      await haveEvents();
      await deployment.archiveAll();
      await deployment.track([event("a", 1, { more: true }), event("a", 5), event("b", 6)]);
      await deployment.settled();
      await deployment.age();
    },
    work: () => deployment.archiveAll(),
  },
  "erasing a user": {
    given: async () => {
      await haveEvents();
      await deployment.archiveAll();
    },
    work: async () => {
      // This is repeated, as by a client that got no answer.
      await until("the erasure is taken", async () => {
        await deployment.erase(user("a"));
        return true;
      });
      await deployment.settled();
      await deployment.archiveAll();
    },
    gone: () => [user("a")],
  },
  "deleting days that have expired": {
    given: async () => {
      await haveEvents();
      await deployment.archiveAll();
    },
    work: () => deployment.archiveAll(),
    settings: { retentionDays: String((Date.now() - COPY_EXPIRY_DELAY_MS - Date.UTC(2024, 0, 2, 1)) / 86_400_000) },
    since: "2024-01-02",
  },
  "making a lost manifest again": {
    given: async () => {
      await haveEvents();
      await deployment.archiveAll();
      await (await deployment.server.archive()).delete("events/v1/manifest/DB.json");
    },
    work: () => deployment.archiveAll(),
  },
  "rebuilding a lost database": {
    given: async () => {
      await haveEvents();
      await deployment.archiveAll();
      await deployment.loseDatabase();
    },
    work: async () => {
      await until("the database is rebuilt", async () => {
        const { status, body } = await deployment.ask("POST", "/rebuild");
        return status === 200 && body["stage"] === "done";
      });
    },
  },
};

function user(name: string): string {
  return `${name}-of-${runs}-run`;
}

function event(name: string, n: number, properties: Record<string, unknown> = {}): SentEvent {
  const timestamp = new Date(Date.UTC(2024, 0, 1 + (n % 2), 12, 0, n)).toISOString();
  return { event: "did", user_id: user(name), timestamp, properties: { n, ...properties } };
}

async function haveEvents(): Promise<void> {
  await deployment.track([1, 2, 3, 4].flatMap((n) => [event("a", n), event("b", n)]));
  await deployment.settled();
  await deployment.age();
}

/** Deletes all users and data, as at the beginning. */
async function beginAnew(): Promise<void> {
  await deployment.beginAnew();
  runs++;
}

describe.for(Object.entries(WORKS))("%s", ([name, { given, work, gone = () => [], settings, since }]) => {
  it("loses and doubles no event, and keeps nothing that was erased, whichever step fails or is the last", async ({
    expect,
  }) => {
    await beginAnew();
    await given();
    await deployment.fault({ at: 0, mode: "fail before", ...settings });
    await work();
    const steps = await deployment.steps();
    expect(steps.length).toBeGreaterThan(5);

    const stride = IS_WHOLE ? 1 : Math.ceil(steps.length / FEW);
    for (let at = 1; at <= steps.length; at += stride) {
      // Neighbouring steps get different modes, each of which is a kind of crash or of silence.
      const modes = IS_WHOLE ? MODES.filter((_, index) => (index + at) % 2 === 0) : [MODES[(at + name.length) % 6]!];
      for (const mode of modes) {
        await beginAnew();
        await given();
        await deployment.fault({ at, mode, ...settings });
        await work();
        if (mode === "late") await sleep(1_000);
        expect((await deployment.steps()).length).toBeGreaterThanOrEqual(at);
        await deployment.fault({ at: 0, mode, ...settings });
        await deployment.archiveAll();
        const violations = [
          ...(await compareWithLogs(deployment, since)),
          ...(await compareWithManifest(deployment)),
          ...(await tracesOf(deployment, gone())),
        ];
        expect(violations, `${mode} step ${at} of ${name}, ${steps[at - 1]}`).toEqual([]);
      }
    }
  });
});
