import { describe, it, vi } from "vitest";
import { anEvent, newUser, rowsOf, timelineOf, track } from "../tracklog.ts";

/** The documentation's sample, byte for byte. */
const SAMPLE = `{
    "event": "event_name",
    "properties": {
        "property1": "value1",
        "property2": "value2"
    },
    "user_id": "user123",
    "timestamp": "20-11-23T22:28:55.111Z"
}
`;

describe("POST /track", () => {
  it("takes the documentation's sample, and finds it again when it is sent twice", async ({ expect }) => {
    const first = await track(SAMPLE);
    expect(first.status).toBe(200);
    expect(first.body).toEqual({
      success: true,
      status: "created",
      event: "event_name",
      user_id: "user123",
      timestamp: "2020-11-23T22:28:55.111Z",
      seq: 1,
      revision: 1,
    });

    const second = await track(SAMPLE);
    expect(second.body).toMatchObject({ status: "duplicate", seq: 1, revision: 1 });
  });

  it("brings an event to the user's timeline at once and to D1 soon", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user, properties: { plan: "pro" } }));

    expect(await timelineOf(user)).toMatchObject([{ event: "signed_up", properties: { plan: "pro" }, seq: 1 }]);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), { timeout: 5_000 });
    expect(await rowsOf(user)).toMatchObject([
      {
        user_id: user,
        seq: 1,
        revision: 1,
        properties: '{"plan":"pro"}',
        context: "{}",
        message_id: null,
        source: null,
      },
    ]);
  });
});
