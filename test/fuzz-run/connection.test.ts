import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, describe, it } from "vitest";
import { Connection } from "./connection.ts";

const REQUEST = Buffer.from("GET / HTTP/1.1\r\n\r\n");
const PLAIN = { isHead: false, mayStream: false, isIncomplete: false };
const open: Server[] = [];

afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

/** A server that answers each request with these pieces, one after another. */
async function answering(pieces: string[], then: (socket: Socket) => void = () => {}) {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on("error", () => {});
    socket.on("data", () => {
      void (async () => {
        for (const piece of pieces) {
          socket.write(piece);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        then(socket);
      })();
    });
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { connection: new Connection(url), count: () => connections };
}

describe("a connection", () => {
  it.for<[string, string[], string]>([
    ["of a known length", ["HTTP/1.1 200 OK\r\nContent-Len", "gth: 5\r\n\r\nhe", "llo"], "hello"],
    [
      "in chunks",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r", "\n3\r\nllo\r\n0\r\n", "\r\n"],
      "hello",
    ],
    ["after a 100 Continue", ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"], "x"],
    ["without a body", ["HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"], ""],
  ])("reads an answer %s, and is used again", async ([, pieces, body], { expect }) => {
    const { connection, count } = await answering(pieces);
    for (const _ of [1, 2]) {
      const exchange = await connection.send(REQUEST, PLAIN);
      expect(exchange.ok && exchange.answer.body.toString()).toBe(body);
    }
    expect(count()).toBe(1);
    connection.close();
  });

  it("does not wait for the body of a HEAD or for a body that never ends", async ({ expect }) => {
    const head = await answering(["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]);
    expect(await head.connection.send(REQUEST, { ...PLAIN, isHead: true })).toMatchObject({ ok: true });
    const stream = await answering(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"]);
    const exchange = await stream.connection.send(REQUEST, { ...PLAIN, mayStream: true });
    expect(exchange).toMatchObject({ ok: true, answer: { isStream: true } });
    head.connection.close();
    stream.connection.close();
  });

  it.for<[string, string[], string]>([
    ["ends before an answer", [], "no answer"],
    ["ends within an answer", ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"], "cut off"],
    ["speaks something else", ["220 ready\r\n\r\n"], "not HTTP"],
  ])("reports that a server %s", async ([, pieces, fault], { expect }) => {
    const { connection } = await answering(pieces, (socket) => socket.destroy());
    expect(await connection.send(REQUEST, PLAIN)).toEqual({ ok: false, fault });
  });
});
