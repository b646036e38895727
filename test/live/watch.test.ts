import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { announce, isWatched } from "../../src/live/watch.ts";
import { anEvent, newUser, track } from "../tracklog.ts";
import { watch } from "./viewer.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

function announced(list: () => []) {
  announce(env, { events: 1, bytes: 100, list }, Date.now());
}

describe("an isolate", () => {
  it("asks once for many requests whether anybody watches, and builds nothing for them", async ({ expect }) => {
    const view = env.LIVE_VIEW.getByName("live");
    const asked = vi.fn(() => Promise.resolve(null));
    vi.spyOn(env.LIVE_VIEW, "getByName").mockReturnValue({ ...view, watching: asked });
    const list = vi.fn((): [] => []);
    for (let i = 0; i < 1_000; i++) announced(list);
    await vi.waitFor(() => expect(asked).toHaveBeenCalled(), { timeout: 10_000 });
    expect(asked).toHaveBeenCalledTimes(1);
    expect(list).not.toHaveBeenCalled();
    expect(isWatched()).toBe(false);
  });

  it("continues if the live view cannot be reached, and answers requests", async ({ expect }) => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(env.LIVE_VIEW, "getByName").mockImplementation(() => {
      throw new Error("away");
    });
    const user = newUser();
    expect((await track(anEvent({ user_id: user }))).status).toBe(200);
    await vi.waitFor(() => expect(logged).toHaveBeenCalled(), { timeout: 10_000 });
    vi.restoreAllMocks();
    const viewer = await watch();
    const second = newUser();
    await track(anEvent({ user_id: second }));
    await viewer.verdictOf(second);
    viewer.socket.close();
  });

  it("asks the log for what changed only while somebody watches", async ({ expect }) => {
    const viewer = await watch();
    await track(anEvent({ user_id: newUser() }));
    await vi.waitFor(() => expect(isWatched()).toBe(true), { timeout: 10_000 });
    viewer.socket.close();
    await vi.waitFor(
      async () => {
        await track(anEvent({ user_id: newUser() }));
        expect(isWatched()).toBe(false);
      },
      { timeout: 10_000, interval: 200 },
    );
  });
});
