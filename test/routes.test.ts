import { exports } from "cloudflare:workers";
import { describe, it } from "vitest";
import { anEvent, get, newUser, timelineOf, track } from "./tracklog.ts";

describe("a path", () => {
  it.for(["GET", "PUT", "PATCH", "DELETE", "HEAD"])(
    "refuses %s if it accepts only POST",
    async (method, { expect }) => {
      const response = await exports.default.fetch("https://tracklog.test/track", { method });
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe("POST");
      if (method !== "HEAD") expect(await response.json()).toMatchObject({ status: 405, success: false });
    },
  );

  it("refuses POST if it accepts only GET", async ({ expect }) => {
    const response = await exports.default.fetch("https://tracklog.test/users/u/events", {
      method: "POST",
      body: "{}",
    });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toMatch(/^GET\b/);
  });

  it.for(["/tracks", "/track/x", "/users", "/users/u", "/users//events", "/Track"])(
    "that leads nowhere is a 404 problem: %s",
    async (path, { expect }) => {
      const { status, headers, body } = await get(path);
      expect(status).toBe(404);
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(body).toMatchObject({ status: 404, success: false, title: "Not found" });
    },
  );
});

describe("GET /users/{user_id}/events", () => {
  it("answers a whole event in the form in which it can be sent again", async ({ expect }) => {
    const user = newUser();
    const sent = anEvent({ user_id: user, properties: { a: [1] }, context: { ip: "::1" }, message_id: "m" });
    await track(sent);
    const { status, body } = await get(`/users/${user}/events`);
    expect(status).toBe(200);
    expect(body["user_id"]).toBe(user);
    expect(body["events"]).toEqual([
      {
        event: "signed_up",
        timestamp: "2026-01-02T03:04:05.678Z",
        properties: { a: [1] },
        context: { ip: "::1" },
        message_id: "m",
        seq: 1,
        revision: 1,
        received_at: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        source: null,
      },
    ]);
  });

  it("orders by when the events happened, then by when they arrived", async ({ expect }) => {
    const user = newUser();
    const at = (timestamp: string, event: string) => anEvent({ user_id: user, timestamp, event });
    await track([at("2026-01-03", "c"), at("2026-01-01", "z"), at("2026-01-02", "b"), at("2026-01-01", "a")]);
    const order = (await timelineOf(user)).map(({ event, seq }) => `${event}${seq}`);
    expect(order).toEqual(["z2", "a4", "b3", "c1"]);
  });

  it("is 404 for a user for whom nothing was stored", async ({ expect }) => {
    expect(await get(`/users/${newUser()}/events`)).toMatchObject({ status: 404, body: { success: false } });
  });

  it.for(["%", "%zz", "%00", "%ED%A0%80", "x".repeat(5_000), "%F0%9F%98%80".repeat(500)])(
    "has a defined answer for a path that cannot be a user: %s",
    async (id, { expect }) => {
      const { status, body } = await get(`/users/${id}/events`);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(body).toMatchObject({ success: false });
    },
  );
});
