import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { MAX_REPLAYED_REJECTIONS } from "../../../src/limits.ts";
import { anEvent, requestWith } from "../../tracklog.ts";

/** Sends a body; JSON unless it is text already. */
function replay(body: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return requestWith({}, "/rejections/replay", { method: "POST", body: text });
}

describe("POST /rejections/replay", () => {
  it("goes on after as many as one request takes, where it is told to", async ({ expect }) => {
    const reason = crypto.randomUUID();
    const body = JSON.stringify(anEvent({ properties: [] }));
    await env.DB.batch(
      Array.from({ length: MAX_REPLAYED_REJECTIONS + 1 }, () =>
        env.DB.prepare(
          "INSERT INTO rejections (received_at, reason, path, faults, body) VALUES (1, ?, '/track', '[]', ?)",
        ).bind(reason, body),
      ),
    );
    const first = (await replay({ reason })).body;
    expect(first["results"]).toHaveLength(MAX_REPLAYED_REJECTIONS);
    expect(first["next_after"]).toBe(first["results"].at(-1).id);
    const second = (await replay({ reason, after: first["next_after"] })).body;
    expect(second["results"]).toEqual([expect.objectContaining({ id: first["next_after"] + 1, status: "rejected" })]);
    expect(second["next_after"]).toBeNull();
  });

  it("refuses a body that is no JSON with its place", async ({ expect }) => {
    const { status, body } = await replay("{ids: [1]}");
    expect(status).toBe(400);
    expect(body["detail"]).toContain("see line 1, character 2");
  });
});
