import { afterEach, describe, it, vi } from "vitest";
import { settingsOf } from "../src/settings.ts";
import wrangler from "../wrangler.toml?raw";

afterEach(() => {
  vi.restoreAllMocks();
});

/** The settings with these variables, without the log lines for faults. */
function read(vars: Parameters<typeof settingsOf>[0]) {
  vi.spyOn(console, "error").mockImplementation(() => {});
  return settingsOf(vars);
}

describe("the settings", () => {
  it("are the safe ones if nothing is set", ({ expect }) => {
    expect(settingsOf({})).toEqual({
      isOpen: false,
      allowedOrigins: null,
      userRateLimit: { burst: 1_000, perSecond: 100 },
      retentionDays: null,
      closedDatabases: new Set(),
      d1Days: null,
      jurisdiction: null,
      location: null,
      d1WriterLanes: 1,
      enrich: new Set(),
      keepsRejectedBodies: false,
      faults: {},
    });
  });

  it("have no fault in wrangler.toml", ({ expect }) => {
    const [, vars] = /^\[vars\]$(.*?)^\[/ms.exec(wrangler)!;
    const set = Object.fromEntries([...vars!.matchAll(/^(\w+) = "(.*)"$/gm)].map(([, name, value]) => [name, value]));
    expect(Object.keys(set)).toHaveLength(12);
    expect(settingsOf(set).faults).toEqual({});
  });

  it("take a jurisdiction, and close everything if it is unknown", ({ expect }) => {
    expect(settingsOf({ JURISDICTION: " EU " })).toMatchObject({ jurisdiction: "eu", faults: {} });
    const { jurisdiction, faults } = read({ JURISDICTION: "europe" });
    expect(jurisdiction).toBe("unreadable");
    expect(faults.JURISDICTION).toContain("must be one of eu, fedramp, us");
  });

  it("take a location for new objects, and report an unknown one", ({ expect }) => {
    expect(settingsOf({ LOCATION: "WEUR" })).toMatchObject({ location: "weur", faults: {} });
    const { location, faults } = settingsOf({ LOCATION: "berlin" });
    expect(location).toBeNull();
    expect(faults.LOCATION).toContain("must be one of wnam, enam");
  });

  it("take a list of closed databases, and report an entry that is not one", ({ expect }) => {
    expect(settingsOf({ CLOSED_DATABASES: "DB, DB_2" })).toMatchObject({
      closedDatabases: new Set(["DB", "DB_2"]),
      faults: {},
    });
    expect(settingsOf({ CLOSED_DATABASES: "events" }).faults.CLOSED_DATABASES).toContain('as in "DB,DB_1"');
  });

  it("take a whole number of writers", ({ expect }) => {
    expect(settingsOf({ D1_WRITER_LANES: "4" }).d1WriterLanes).toBe(4);
    expect(settingsOf({ D1_WRITER_LANES: "0" })).toMatchObject({ d1WriterLanes: 1 });
    expect(settingsOf({ D1_WRITER_LANES: "many" }).faults.D1_WRITER_LANES).toContain("must be a number of writers");
  });

  it.for([
    ["https://shop.example", ["https://shop.example"]],
    [
      " https://Shop.Example/ ,https://a.example:443,, http://localhost:3000",
      ["https://shop.example", "https://a.example", "http://localhost:3000"],
    ],
    ["https://bücher.example", ["https://xn--bcher-kva.example"]],
    [
      "null, capacitor://localhost, chrome-extension://abcdef",
      ["null", "capacitor://localhost", "chrome-extension://abcdef"],
    ],
    ["http://[::1]:8080", ["http://[::1]:8080"]],
    ["", null],
    [" , ", null],
    ["*", null],
    ["https://a.example,*", null],
  ] as [string, string[] | null][])("take %j for origins", ([text, origins], { expect }) => {
    const { allowedOrigins, faults } = settingsOf({ ALLOWED_ORIGINS: text });
    expect(allowedOrigins && [...allowedOrigins]).toEqual(origins);
    expect(faults).toEqual({});
  });

  it.for([
    "shop.example",
    "https://*.shop.example",
    "https://shop.example/path",
    "https://",
    "https://a@b.example",
    "https://a.example?x",
    "https://a.example https://b.example",
    "https://a.example:99999",
  ])("let no page in by the bad origin %j, and do by the good one beside it", (bad, { expect }) => {
    const { allowedOrigins, faults } = read({ ALLOWED_ORIGINS: `${bad},https://good.example` });
    expect([...allowedOrigins!]).toEqual(["https://good.example"]);
    expect(faults.ALLOWED_ORIGINS).toContain(JSON.stringify(bad));
    expect([...read({ ALLOWED_ORIGINS: bad }).allowedOrigins!]).toEqual([]);
  });

  it.for(["30d", "0", "0.5", "-1", "1e3", "NaN", "Infinity", "thirty", "9".repeat(400)])(
    "refuse %j for a number of days, and keep every event",
    (text, { expect }) => {
      const { retentionDays, faults } = read({ RETENTION_DAYS: text });
      expect(retentionDays).toBeNull();
      expect(faults.RETENTION_DAYS).toMatch(/must be a number of days of at least 1/);
      expect(faults.RETENTION_DAYS!.length).toBeLessThan(200);
    },
  );

  it("take whole and fractional numbers of days", ({ expect }) => {
    expect(settingsOf({ RETENTION_DAYS: " 30 " }).retentionDays).toBe(30);
    expect(settingsOf({ RETENTION_DAYS: "1.5" }).retentionDays).toBe(1.5);
  });

  it("refuse a burst under which no event could ever pass", ({ expect }) => {
    const { userRateLimit, faults } = read({ RATE_LIMIT_BURST_EVENTS: "0.5", RATE_LIMIT_EVENTS_PER_SECOND: "0.5" });
    expect(userRateLimit).toEqual({ burst: 1_000, perSecond: 0.5 });
    expect(Object.keys(faults)).toEqual(["RATE_LIMIT_BURST_EVENTS"]);
  });

  it("take the known names of ENRICH in any order and case, and ignore others with a fault", ({ expect }) => {
    expect([...settingsOf({ ENRICH: " Device, geo " }).enrich].sort()).toEqual(["device", "geo"]);
    const { enrich, faults } = read({ ENRICH: "geo,ip" });
    expect([...enrich]).toEqual(["geo"]);
    expect(faults.ENRICH).toContain('"ip"');
  });

  it("log a bad value once, however often it is read and even if other settings change", ({ expect }) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    settingsOf({ RETENTION_DAYS: "31d" });
    settingsOf({ RETENTION_DAYS: "31d" });
    settingsOf({ RETENTION_DAYS: "31d", OPEN: "true" });
    expect(log.mock.calls.map(([line]) => JSON.parse(line as string))).toEqual([
      {
        level: "error",
        failure: "malformed_setting",
        cause: 'is "31d": must be a number of days of at least 1, as in "30". Nothing is done',
        setting: "RETENTION_DAYS",
      },
    ]);
    settingsOf({ RETENTION_DAYS: "32d" });
    expect(log).toHaveBeenCalledTimes(2);
  });
});
