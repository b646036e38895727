import { describe, it } from "vitest";
import { anEvent, newUser, track, userLog } from "../../tracklog.ts";
import { post } from "../../segment.ts";

// The most common mistakes, each of which is answered with one line that says what to do.

describe("a slip", () => {
  it.for([
    [
      "userId for user_id",
      ({ user_id, ...others }: Sent) => ({ ...others, userId: user_id }),
      "/userId",
      "send it as user_id",
    ],
    [
      "a misspelt field",
      ({ properties, ...others }: Sent) => ({ ...others, properies: properties }),
      "/properies",
      "send it as properties",
    ],
    ["another name of the list", (event: Sent) => ({ events: [event] }), "/events", '{"batch": […]}'],
    [
      "a field of Segment's batch",
      (event: Sent) => ({ batch: [event], sentAt: 1, writeKey: "k", context: {} }),
      "/sentAt",
      "/v1/batch",
    ],
    ["a list for an object", (event: Sent) => ({ ...event, properties: [] }), "/properties", '{"plan": "pro"}'],
    [
      "a date of another form",
      (event: Sent) => ({ ...event, timestamp: "23/11/2020" }),
      "/timestamp",
      "2026-01-02T03:04:05.678Z",
    ],
    ["no date", (event: Sent) => ({ ...event, timestamp: true }), "/timestamp", "2026-01-02T03:04:05.678Z"],
  ] as const)("%s is one fault with its cure", async ([, mistake, pointer, cure], { expect }) => {
    const user = newUser();
    const { status, body } = await track(mistake(anEvent({ user_id: user })));
    expect(status).toBe(400);
    expect(body["errors"]).toEqual([{ pointer, detail: expect.stringContaining(cure) }]);
    expect(body["detail"]).toContain(cure);
    expect(await userLog(user).summary()).toBeNull();
  });

  it.for(["", "application/json", "text/plain"])(
    "lines without their type are told it: %j",
    async (type, { expect }) => {
      const user = newUser();
      const lines = [1, 2].map((n) => JSON.stringify(anEvent({ user_id: user, event: `e${n}` }))).join("\n");
      const { status, body } = await track(lines, type === "" ? {} : { "Content-Type": type });
      expect(status).toBe(400);
      expect(body["errors"]).toEqual([
        { pointer: "", detail: "holds one JSON object on each line: send it with Content-Type: application/x-ndjson" },
      ]);
      expect(await userLog(user).summary()).toBeNull();
      expect((await track(lines, { "Content-Type": "application/x-ndjson" })).body).toMatchObject({ created: 2 });
    },
  );

  it("600 events are told the limit and to split them", async ({ expect }) => {
    const events = Array.from({ length: 600 }, () => anEvent());
    for (const { status, body } of [
      await track(events),
      await track({ batch: events }),
      await post("/v1/batch", { batch: events }),
    ]) {
      expect(status).toBe(413);
      expect(body["errors"]).toEqual([
        { pointer: "", detail: "has 600 events, at most 500: split it into several requests", limit: 500, actual: 600 },
      ]);
    }
  });

  it("a message without its batch is told how a batch looks", async ({ expect }) => {
    const { body } = await post("/v1/batch", [{ type: "track" }]);
    expect(body["errors"]).toEqual([
      { pointer: "/batch", detail: 'must be an array of messages: send {"batch": […]}' },
    ]);
  });
});

type Sent = ReturnType<typeof anEvent>;
