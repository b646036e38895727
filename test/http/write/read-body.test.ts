import { describe, it } from "vitest";
import { inflate } from "../../../src/http/write/inflate.ts";
import { readBody } from "../../../src/http/write/read-body.ts";
import { MAX_REQUEST_BYTES } from "../../../src/limits.ts";
import { anEvent, newUser, requestWith, timelineOf, userLog } from "../../tracklog.ts";

const MIB = 1024 * 1024;

type Format = ConstructorParameters<typeof CompressionStream>[0];

async function compress(data: string | Uint8Array<ArrayBuffer>, format: Format) {
  const stream = new Blob([data]).stream().pipeThrough(new CompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Sends bytes to /track, compressed or not. */
function send(body: BodyInit, headers: Record<string, string> = {}) {
  return requestWith({}, "/track", { method: "POST", body, headers });
}

/** A body that comes in chunks of this size, and records how far it was read. */
function streamed(bytes: Uint8Array, pieceBytes: number) {
  const source = { pulled: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (source.pulled >= bytes.byteLength) return controller.close();
        const piece = bytes.slice(source.pulled, source.pulled + pieceBytes);
        source.pulled += piece.byteLength;
        controller.enqueue(piece);
      },
      cancel() {
        source.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { source, body };
}

function requestOf(body: BodyInit, headers: Record<string, string> = {}) {
  return new Request("https://tracklog.test/track", { method: "POST", body, headers });
}

describe("a body", () => {
  it.for([
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "application/json; charset=utf-8",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "nonsense",
    "",
  ])("is JSON as %j", async (type, { expect }) => {
    const user = newUser();
    const body = new TextEncoder().encode(JSON.stringify(anEvent({ user_id: user })));
    expect((await send(body, type === "" ? {} : { "Content-Type": type })).status).toBe(200);
    expect(await timelineOf(user)).toHaveLength(1);
  });

  it.for(["application/x-ndjson", "Application/X-NDJSON; charset=utf-8", "application/jsonl"])(
    "is lines of JSON as %s",
    async (type, { expect }) => {
      const user = newUser();
      const lines = [1, 2].map((n) => JSON.stringify(anEvent({ user_id: user, event: `e${n}` })));
      const { status, body } = await send(`${lines.join("\r\n")}\n\n`, { "Content-Type": type });
      expect(status).toBe(200);
      expect(body).toMatchObject({ created: 2 });
    },
  );

  it("may begin with a byte order mark", async ({ expect }) => {
    const text = `\uFEFF${JSON.stringify(anEvent({ user_id: newUser() }))}`;
    expect((await send(text)).status).toBe(200);
    expect((await send(await compress(text, "gzip"), { "Content-Encoding": "gzip" })).status).toBe(200);
  });

  it.for([
    ["is empty", new Uint8Array()],
    ["is empty", new TextEncoder().encode(" \n")],
    ["is not valid UTF-8", new Uint8Array([0x7b, 0xff, 0x7d])],
    ["is not valid UTF-8", new Uint8Array([0x22, 0xe2, 0x82])],
    ["is not valid JSON", new TextEncoder().encode('{"event":')],
    ["is not valid JSON", new TextEncoder().encode("event=a&user_id=b")],
  ] as [string, Uint8Array<ArrayBuffer>][])("that %s is refused", async ([reason, bytes], { expect }) => {
    const { status, body } = await send(bytes);
    expect(status).toBe(400);
    expect(body).toMatchObject({ success: false, errors: [{ pointer: "", detail: expect.stringContaining(reason) }] });
  });

  it.for(["null", "[null]", '{"batch":[null,1,"x",[],true]}', "1", '"x"', "[[]]", "true"])(
    "that holds no objects is refused: %s",
    async (body, { expect }) => {
      const answer = await send(body);
      expect(answer.status).toBe(400);
      expect(answer.body["errors"][0]["detail"]).toMatch(/^must be a JSON object, not /);
    },
  );

  it("of no bytes at all is empty in any encoding", async ({ expect }) => {
    for (const headers of [{}, { "Content-Encoding": "gzip" }] as Record<string, string>[]) {
      const { status, body } = await requestWith({}, "/track", { method: "POST", headers });
      expect(status).toBe(400);
      expect(body["detail"]).toBe("The body is empty.");
    }
  });
});

describe("a body that breaks off", () => {
  it.for([{}, { "Content-Encoding": "gzip" }] as Record<string, string>[])(
    "is called that, and not bad UTF-8: %j",
    async (headers, { expect }) => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode('{"event"')),
        pull: (controller) => controller.error(new Error("Network connection lost.")),
      });
      expect(await readBody(requestOf(body, headers))).toEqual({
        ok: false,
        problem: { reason: "malformed_body", detail: "broke off before its end: send it again" },
      });
    },
  );
});

describe("a compressed body", () => {
  it.for([
    ["gzip", "gzip"],
    ["x-gzip", "gzip"],
    [" GZip ", "gzip"],
    ["deflate", "deflate"],
    // What several clients send under that name, against RFC 9110.
    ["deflate", "deflate-raw"],
    ["identity", null],
  ] as const)("sent as %j may be %s", async ([encoding, format], { expect }) => {
    for (const event of [
      anEvent({ user_id: newUser() }),
      anEvent({ user_id: newUser(), properties: { noise: noise(50_000) } }),
    ]) {
      const text = JSON.stringify(event);
      const body = format ? await compress(text, format) : text;
      expect((await send(body, { "Content-Encoding": encoding })).status).toBe(200);
      expect(await timelineOf(event["user_id"] as string)).toMatchObject([{ properties: event["properties"] }]);
    }
  });

  it("may come in any pieces", async ({ expect }) => {
    const text = noise(4_000);
    for (const format of ["gzip", "deflate", "deflate-raw"] as const)
      for (const pieceBytes of [1, 7, 1023, 1024, 1025, 9_999]) {
        const { body } = streamed(await compress(text, format), pieceBytes);
        const read = await readBody(requestOf(body, { "Content-Encoding": format === "gzip" ? "gzip" : "deflate" }));
        expect(read).toEqual({ ok: true, text });
      }
  });

  it.for(["br", "zstd", "compress", "gzip, gzip", "gzip;q=1", "__proto__"])(
    "in an unsupported encoding is refused: %s",
    async (encoding, { expect }) => {
      const { status, headers, body } = await send("{}", { "Content-Encoding": encoding });
      expect(status).toBe(415);
      expect(headers.get("Accept-Encoding")).toBe("gzip, deflate, identity");
      expect(body).toMatchObject({ success: false, title: "Unsupported content encoding" });
    },
  );

  it.for(["gzip", "deflate"] as const)("of %s that is corrupt or cut off is refused", async (format, { expect }) => {
    const user = newUser();
    const good = await compress(
      JSON.stringify(anEvent({ user_id: user, properties: { noise: noise(5_000) } })),
      format,
    );
    const flipped = good.slice();
    flipped[2_000]! ^= 0xff;
    const cases = [good.slice(0, -1), good.slice(0, 2_000), good.slice(0, 1), flipped, new Uint8Array([...good, 1])];
    for (const bytes of [...cases, new TextEncoder().encode(JSON.stringify(anEvent({ user_id: user })))]) {
      const { status, body } = await send(bytes, { "Content-Encoding": format });
      expect(status).toBe(400);
      expect(body["detail"]).toBe(`The body is not valid ${format} data.`);
    }
    expect(await userLog(user).summary()).toBeNull();
  });

  it("is not UTF-8 if its content is not", async ({ expect }) => {
    const { body } = await send(await compress(new Uint8Array([0x22, 0xff]), "gzip"), { "Content-Encoding": "gzip" });
    expect(body["detail"]).toBe("The body is not valid UTF-8.");
  });

  it.for([
    ["gzip", 64],
    ["gzip", 4_096],
    ["gzip", Infinity],
    ["deflate", Infinity],
    ["deflate-raw", Infinity],
  ] as const)(
    "that is a bomb is inflated no further than the limit: %s by %d bytes",
    async ([format, piece], { expect }) => {
      const bomb = await bombOf(format);
      expect(bomb.byteLength).toBeGreaterThan(200_000);
      const { body } = streamed(bomb, Math.min(piece, bomb.byteLength));
      const request = requestOf(body, { "Content-Encoding": format === "gzip" ? "gzip" : "deflate" });
      expect(await readBody(request)).toEqual({
        ok: false,
        problem: { reason: "body_too_large", limit: MAX_REQUEST_BYTES, actual: MAX_REQUEST_BYTES + 1, unit: "bytes" },
      });
      const inflated = inflate(bomb, format === "gzip" ? "gzip" : "deflate", 1_000);
      expect(inflated).toEqual({ ok: false, reason: "too_large" }); // 1,000 bytes of 200 MB
    },
  );

  it("is read no further if it exceeds the limit while it is still compressed", async ({ expect }) => {
    const { body, source } = streamed(new Uint8Array(3 * MIB), 100_000);
    const read = await readBody(requestOf(body, { "Content-Encoding": "gzip" }));
    expect(read).toMatchObject({ ok: false, problem: { reason: "body_too_large" } });
    expect(source.pulled).toBeLessThan(MIB + 200_000);
    expect(source.cancelled).toBe(true);
  });

  it("may be as large as the limit, inflated, and not a byte larger", async ({ expect }) => {
    for (const format of ["gzip", "deflate", "deflate-raw"] as const) {
      const headers = { "Content-Encoding": format === "gzip" ? "gzip" : "deflate" };
      const fits = await readBody(requestOf(await compress(" ".repeat(MAX_REQUEST_BYTES), format), headers));
      expect(fits.ok && fits.text.length).toBe(MAX_REQUEST_BYTES);
      expect(
        await readBody(requestOf(await compress(" ".repeat(MAX_REQUEST_BYTES + 1), format), headers)),
      ).toMatchObject({
        ok: false,
        problem: { reason: "body_too_large" },
      });
    }
  });

  it("of gzip may have several members, which are one text", async ({ expect }) => {
    const user = newUser();
    const text = JSON.stringify(anEvent({ user_id: user, properties: { text: "é" } }));
    const bytes = new TextEncoder().encode(text);
    const cut = bytes.indexOf(0xc3) + 1; // within the é
    const members = [bytes.slice(0, cut), bytes.slice(cut), new Uint8Array()];
    const compressed = await Promise.all(members.map((member) => compress(member, "gzip")));
    const body = new Uint8Array(compressed.flatMap((member) => [...member]));
    expect((await send(body, { "Content-Encoding": "gzip" })).status).toBe(200);
    expect(await timelineOf(user)).toMatchObject([{ properties: { text: "é" } }]);
    expect((await send(body.slice(0, -9), { "Content-Encoding": "gzip" })).status).toBe(400);
  });

  it("that is a bomb is answered with 413", async ({ expect }) => {
    const bomb = await bombOf("gzip");
    const { status, body } = await send(bomb, { "Content-Encoding": "gzip" });
    expect(status).toBe(413);
    expect(body).toMatchObject({ success: false, limit: MAX_REQUEST_BYTES, actual: MAX_REQUEST_BYTES + 1 });
  });
});

/** Text that compresses to about half: hexadecimal digits. */
function noise(characters: number): string {
  const bytes = new Uint8Array(characters / 2);
  for (let start = 0; start < bytes.length; start += 65_536)
    crypto.getRandomValues(bytes.subarray(start, start + 65_536));
  return bytes.toHex();
}

/** 200 MB of zeros, compressed without ever being held. */
async function bombOf(format: Format): Promise<Uint8Array<ArrayBuffer>> {
  const { readable, writable } = new CompressionStream(format);
  const bomb = new Response(readable).arrayBuffer();
  const writer = writable.getWriter();
  const zeros = new Uint8Array(MIB);
  for (let written = 0; written < 200 * MIB; written += MIB) await writer.write(zeros);
  await writer.close();
  return new Uint8Array(await bomb);
}
