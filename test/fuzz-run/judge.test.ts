import { describe, it } from "vitest";
import type { Exchange } from "./connection.ts";
import { DescribedAnswers } from "./described-answers.ts";
import type { FuzzRequest } from "./fuzz-request.ts";
import { Judge } from "./judge.ts";
import { Fates, markOf, refusedKeyOf, WRITE_KEYS } from "./marks.ts";
import { SMALL_DESCRIPTION } from "./small-description.ts";

function aJudge() {
  const fates = new Fates();
  return { judge: new Judge(new DescribedAnswers(SMALL_DESCRIPTION), fates), fates };
}

function aRequest(changes: Partial<FuzzRequest> = {}): FuzzRequest {
  const body = Buffer.from("{}");
  return {
    index: 7,
    method: "POST",
    target: "/track",
    headers: [],
    body,
    framing: "length",
    isMarkedByEvent: true,
    ...changes,
  };
}

function anAnswer(status: number, body: object, headers: Record<string, string> = {}): Exchange & { ok: true } {
  const type = status < 400 ? "application/json" : "application/problem+json";
  const all = new Map(Object.entries({ "content-type": type, "x-request-id": "r", ...headers }));
  return { ok: true, answer: { status, headers: all, body: Buffer.from(JSON.stringify(body)), isStream: false } };
}

function refusal(changes: object = {}): Exchange & { ok: true } {
  return anAnswer(400, { code: "invalid_request", detail: "/event is required.", ...changes });
}

/** The answer to a batch whose second event was refused with this detail. */
function verdicts(detail: string): object {
  return {
    results: [
      { index: 0, status: "created" },
      { index: 1, status: "rejected", detail },
    ],
  };
}

describe("an answer", () => {
  it("is no fault if it matches the description", ({ expect }) => {
    const { judge } = aJudge();
    expect(judge.faultOf(aRequest(), refusal())).toBe(null);
    const away = anAnswer(503, { code: "unavailable", detail: "Away." }, { "retry-after": "2" });
    expect(judge.faultOf(aRequest(), away)).toBe(null);
    const notFound = anAnswer(404, { code: "not_found", detail: "There is nothing at this path." });
    expect(judge.faultOf(aRequest({ target: "/nowhere" }), notFound)).toBe(null);
    expect(judge.faultOf(aRequest(), notFound)?.kind).toBe("not as described"); // there is a route at this path
    expect(judge.faultOf(aRequest({ method: "PUT" }), anAnswer(405, { code: "x", detail: "POST" }))).toBe(null);
  });

  it.for<[string, Exchange, string]>([
    ["is missing", { ok: false, fault: "no answer" }, "no answer"],
    ["is a 500", anAnswer(500, { code: "internal", detail: "Something went wrong here." }), "server error"],
    ["is a 503 that is not documented", anAnswer(503, { code: "other" }), "server error"],
    ["repeats a refused value", refusal({ detail: markOf(7, 0) }), "value echoed"],
    ["repeats a refused key", refusal({ detail: refusedKeyOf(7) }), "key echoed"],
    ["repeats a valid key", refusal({ detail: WRITE_KEYS[0] }), "key echoed"],
    ["repeats a valid key in a header", anAnswer(400, refusal().answer, { "x-key": WRITE_KEYS[0]! }), "key echoed"],
    ["has a field that is not described", refusal({ extra: 1 }), "not as described"],
    ["lacks a header", anAnswer(503, { code: "unavailable", detail: "Away." }), "not as described"],
    ["has a status that is not described", anAnswer(410, { code: "x", detail: "x" }), "not as described"],
    ["is no JSON", { ok: true, answer: { ...refusal().answer, body: Buffer.from("{") } }, "not as described"],
    ["has another content type", anAnswer(400, {}, { "content-type": "text/plain" }), "not as described"],
  ])("is a fault if it %s", ([, exchange, kind], { expect }) => {
    expect(aJudge().judge.faultOf(aRequest(), exchange)?.kind).toBe(kind);
  });

  it("may repeat values of accepted events, but not of refused ones in the same batch", ({ expect }) => {
    const { judge } = aJudge();
    expect(judge.faultOf(aRequest(), anAnswer(207, verdicts(markOf(7, 0))))).toBe(null);
    expect(judge.faultOf(aRequest(), anAnswer(207, verdicts(markOf(7, 1))))?.kind).toBe("value echoed");
  });

  it("must not show values of an earlier request that was refused", ({ expect }) => {
    const { judge, fates } = aJudge();
    const reader = aRequest({ index: 9, method: "GET", target: "/" });
    const start = (name: string) => anAnswer(200, { name });
    judge.note(aRequest({ index: 3 }), refusal().answer);
    judge.note(aRequest({ index: 4 }), anAnswer(200, { status: "created" }).answer);
    judge.note(aRequest({ index: 5 }), anAnswer(200, { status: "suppressed" }).answer);
    expect(judge.faultOf(reader, start(markOf(3, 0)))?.kind).toBe("refused value served");
    expect(judge.faultOf(reader, start(markOf(4, 0)))?.kind).not.toBe("refused value served");
    expect(fates.isRefused({ index: 5, event: 0 })).toBe(true); // a suppressed user's events are not stored
  });
});
