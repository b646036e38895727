import { describe, it } from "vitest";
import { anEvent, type Answer, newUser, requestWith, stateOf, timelineOf } from "../../tracklog.ts";

const CHROME_ON_ANDROID =
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36";
const FIREFOX_ON_LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
const SAFARI_ON_IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const GOOGLEBOT =
  "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/130.0.0.0 Safari/537.36";

const PLACE = { country: "DE", region: "Bavaria", city: "Munich", timezone: "Europe/Berlin" };
const MUNICH = { ...PLACE, regionCode: "BY", postalCode: "80331", latitude: "48.13", asn: 3320, colo: "MUC" };
const BOTH = { ENRICH: "geo,device" };

interface Sent {
  user: string;
  changes?: Record<string, unknown>;
  settings?: Partial<Env>;
  headers?: Record<string, string>;
  cf?: Record<string, unknown>;
  path?: string;
}

async function send({ user, changes = {}, settings = BOTH, headers = {}, cf = MUNICH, path = "/track" }: Sent) {
  const isTrack = path === "/track";
  const event = isTrack
    ? anEvent({ user_id: user, ...changes })
    : { event: "e", userId: user, timestamp: "2026-01-02", ...changes };
  const init = { method: "POST", headers, body: JSON.stringify(event), cf };
  const { status, body } = await requestWith(settings, path, init);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body["status"] as string;
}

async function contextOf(user: string): Promise<Answer> {
  const [event] = await timelineOf(user);
  return event!["context"] as Answer;
}

async function contextAfter(sent: Omit<Sent, "user">): Promise<Answer> {
  const user = newUser();
  await send({ user, ...sent });
  return contextOf(user);
}

describe("ENRICH", () => {
  it("adds nothing unless it is set", async ({ expect }) => {
    const headers = { "User-Agent": CHROME_ON_ANDROID, "CF-Connecting-IP": "203.0.113.7" };
    for (const settings of [{}, { ENRICH: "" }, { ENRICH: undefined } as unknown as Partial<Env>])
      expect(await contextAfter({ settings, headers })).toEqual({});
  });

  it("keeps nothing where there is nothing to add", async ({ expect }) => {
    const user = newUser();
    await send({ user, settings: { ENRICH: "device" }, headers: { "User-Agent": "analytics-python/2.3" } });
    expect((await stateOf(user))!.only).toMatchObject({ enrichment: null });
  });

  it("geo adds the place of the request, and no address or position", async ({ expect }) => {
    const headers = { "User-Agent": CHROME_ON_ANDROID, "CF-Connecting-IP": "203.0.113.7" };
    const settings = { ENRICH: "geo" };
    expect(await contextAfter({ settings, headers })).toEqual({ geo: PLACE });
    expect(await contextAfter({ settings, cf: { country: "T1" } })).toEqual({ geo: { country: "T1" } });
    expect(await contextAfter({ settings, cf: {} })).toEqual({});
    expect(await contextAfter({ settings, cf: { city: "x".repeat(5_000), country: 1 } })).toEqual({
      geo: { city: "x".repeat(100) },
    });
  });

  it.for([
    [CHROME_ON_ANDROID, { browser: "Chrome", os: "Android", type: "mobile" }],
    [FIREFOX_ON_LINUX, { browser: "Firefox", os: "Linux", type: "desktop" }],
    [SAFARI_ON_IPHONE, { browser: "Safari", os: "iOS", type: "mobile" }],
  ] as const)("device reads %s", async ([agent, device], { expect }) => {
    const settings = { ENRICH: "device" };
    expect(await contextAfter({ settings, headers: { "User-Agent": agent } })).toEqual({ device });
  });

  it.for([
    GOOGLEBOT,
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0.0.0 Safari/537.36",
  ])("device marks a crawler, and drops nothing: %s", async (agent, { expect }) => {
    expect(await contextAfter({ headers: { "User-Agent": agent } })).toEqual({ geo: PLACE, bot: true });
  });

  it.for(["analytics-python/2.3", "okhttp/4.12.0", "node", "curl/8.9.1", "", "MyApp/1 CFNetwork/1496 Darwin/23.5.0"])(
    "device adds none for %j, which is not a browser",
    async (agent, { expect }) => {
      expect(await contextAfter({ headers: { "User-Agent": agent } })).toEqual({ geo: PLACE });
    },
  );

  it("takes an event's own user agent before the request's, also that of a crawler", async ({ expect }) => {
    const headers = { "User-Agent": CHROME_ON_ANDROID };
    const own = await contextAfter({
      headers,
      changes: { context: { userAgent: FIREFOX_ON_LINUX } },
      path: "/v1/track",
    });
    expect(own["device"]).toEqual({ browser: "Firefox", os: "Linux", type: "desktop" });
    const crawler = await contextAfter({ changes: { context: { userAgent: "facebookexternalhit/1.1" } } });
    expect(crawler).toEqual({ userAgent: "facebookexternalhit/1.1", bot: true });
  });

  it("does not take a server's place for that of the user it passes on", async ({ expect }) => {
    const headers = { "User-Agent": "analytics-ruby/2.5.0" };
    const passedOn = await contextAfter({ headers, changes: { context: { userAgent: FIREFOX_ON_LINUX } } });
    expect(passedOn["geo"]).toBeUndefined();
    expect(passedOn["device"]).toMatchObject({ browser: "Firefox" });
    expect(await contextAfter({ headers, changes: { context: { ip: "203.0.113.9" } } })).toEqual({ ip: "203.0.113.9" });
  });

  it("never replaces what the client's own context has", async ({ expect }) => {
    const context = { geo: "here", device: { id: "d1" }, bot: false, ["__proto__"]: 1 };
    const headers = { "User-Agent": CHROME_ON_ANDROID };
    expect(await contextAfter({ headers, changes: { context } })).toEqual(context);
    expect(await contextAfter({ headers, changes: { context: { device: null } } })).toEqual({
      geo: PLACE,
      device: null,
    });
  });

  it("is no part of the comparison: a retry by another way is a duplicate, also after an update", async ({
    expect,
  }) => {
    const user = newUser();
    const first = { user, changes: { context: { page: "/a" } }, headers: { "User-Agent": CHROME_ON_ANDROID } };
    const elsewhere = { cf: { ...MUNICH, country: "FR", city: "Paris" }, headers: { "User-Agent": FIREFOX_ON_LINUX } };
    const device = { browser: "Chrome", os: "Android", type: "mobile" };
    expect(await send(first)).toBe("created");
    expect(await send({ ...first, ...elsewhere })).toBe("duplicate");
    expect(await send({ ...first, settings: {} })).toBe("duplicate");
    expect(await contextOf(user)).toEqual({ geo: PLACE, device, page: "/a" });

    const update = { ...first, ...elsewhere, changes: { context: { page: "/a", step: 2 } } };
    expect(await send(update)).toBe("updated");
    expect(await contextOf(user)).toEqual({ geo: PLACE, device, page: "/a", step: 2 }); // where it happened, not where it was amended
    expect(await send({ ...update, headers: {}, cf: {} })).toBe("duplicate");
    expect(await send(first)).toBe("duplicate");
  });

  it("is added to every event of a batch and of Segment's protocol, and takes no odd text for more than a text", async ({
    expect,
  }) => {
    const user = newUser();
    const events = ["a", "b"].map((message_id) => anEvent({ user_id: user, message_id }));
    const headers = { "User-Agent": FIREFOX_ON_LINUX };
    const init = { method: "POST", headers, body: JSON.stringify([...events, {}]), cf: MUNICH } as RequestInit;
    expect((await requestWith(BOTH, "/track", init)).status).toBe(207);
    for (const { context } of await timelineOf(user)) expect(Object.keys(context as object)).toEqual(["geo", "device"]);

    for (const agent of ["Mozilla/5.0", `Mozilla/5.0 (${"(".repeat(3_000)}`, "Mozilla/5.0 ".repeat(600), '"}'])
      expect(await send({ user: newUser(), changes: { context: { userAgent: agent } } })).toBe("created");
    for (const userAgent of [1, null, {}, ["x"]])
      expect(await contextAfter({ changes: { context: { userAgent } } })).toEqual({ geo: PLACE, userAgent });
  });
});
