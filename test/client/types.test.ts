import { describe, expectTypeOf, it } from "vitest";
import { type Client, createClient, type SentEvent } from "../../client/src/index.ts";

// `tsc -p test/client` holds to this: a @ts-expect-error without an error is one.

interface Events {
  signed_up: { plan: "free" | "pro" };
  searched: { text?: string };
  signed_out: Record<string, never>;
}

const options = { url: "https://tracklog.test", consent: "drop", onDrop: () => {} } as const;
const { track } = createClient<Events>(options);

describe("a client with a team's events", () => {
  it("takes those events with their properties, and no others", () => {
    track("signed_up", { plan: "pro" });
    track("signed_up", { plan: "pro" }, { userId: "ann", timestamp: new Date(), context: { ip: "::1" } });
    // @ts-expect-error there is no such event
    track("signed_in", { plan: "pro" });
    // @ts-expect-error there is no such plan
    track("signed_up", { plan: "gold" });
    // @ts-expect-error there is no such property
    track("signed_up", { plan: "pro", price: 1 });
    // @ts-expect-error the property is required
    track("signed_up");
  });

  it("takes no properties if none is required", () => {
    track("searched");
    track("searched", { text: "x" });
    track("signed_out");
    // @ts-expect-error it has no properties
    track("signed_out", { why: "bored" });
  });
});

describe("a client without", () => {
  it("takes every event", () => {
    const client = createClient(options);
    expectTypeOf(client).toEqualTypeOf<Client>();
    client.track("anything");
    client.track("anything", { at: ["all"] });
    // @ts-expect-error properties are an object
    client.track("anything", "at all");
  });

  it("has callbacks that get whole events", () => {
    createClient({ ...options, onReject: (event) => expectTypeOf(event).toEqualTypeOf<SentEvent>() });
    // @ts-expect-error a client needs the url
    expectTypeOf(createClient).toBeCallableWith({});
  });
});
