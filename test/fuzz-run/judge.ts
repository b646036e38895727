import type { Answer, Exchange } from "./connection.ts";
import type { DescribedAnswers } from "./described-answers.ts";
import type { FuzzRequest } from "./fuzz-request.ts";
import { type Fates, keysIn, marksIn, MAX_MARKED_EVENTS } from "./marks.ts";

/** What is wrong with an answer: a kind that stays the same while the request is made smaller, and the details. */
export interface Fault {
  kind: "no answer" | "server error" | "value echoed" | "key echoed" | "refused value served" | "not as described";
  detail: string;
}

/** The codes of the documented 503s. */
const DOCUMENTED_503 = new Set(["unavailable", "unreachable", "closed", "unhealthy", "not_ready"]);

interface Verdicts {
  code?: string;
  status?: unknown;
  results?: { index: number; status: string }[];
}

/** Checks the answers of a run against the rules, and remembers which values were refused. */
export class Judge {
  readonly #described: DescribedAnswers;
  readonly #fates: Fates;

  constructor(described: DescribedAnswers, fates: Fates) {
    this.#described = described;
    this.#fates = fates;
  }

  /** Says what is wrong with an answer. Null if nothing is. */
  faultOf(request: FuzzRequest, exchange: Exchange): Fault | null {
    // A request that is shorter than announced needs no answer.
    if (!exchange.ok) return request.framing === "cut" ? null : { kind: "no answer", detail: exchange.fault };
    const { answer } = exchange;
    if (isOfRuntime(answer)) return null;
    const text = answer.body.toString("utf8");
    const verdicts = verdictsIn(text);
    if (answer.status >= 500 && !(answer.status === 503 && DOCUMENTED_503.has(verdicts?.code ?? "")))
      return { kind: "server error", detail: String(answer.status) };
    const head = [...answer.headers].flat().join("\n");
    const [key] = keysIn(text + head);
    if (key !== undefined && !(answer.status === 200 && isSettings(request)))
      return { kind: "key echoed", detail: key };
    const refused = refusedEvents(answer.status, verdicts);
    for (const mark of marksIn(text)) {
      const isOwn = mark.index === request.index;
      if (isOwn && (refused === "all" || (refused !== "unknown" && request.isMarkedByEvent && refused.has(mark.event))))
        return { kind: "value echoed", detail: text.slice(0, 500) };
      if (!isOwn && this.#fates.isRefused(mark))
        return { kind: "refused value served", detail: `of request ${mark.index}` };
    }
    const fault = this.#described.faultOf(request, answer);
    return fault === null ? null : { kind: "not as described", detail: fault };
  }

  /** Remembers whether a request's values were accepted or refused. */
  note(request: FuzzRequest, { status, body }: Answer): void {
    const refused = refusedEvents(status, verdictsIn(body.toString("utf8")));
    if (refused === "all") this.#fates.refuse(request.index);
    else if (refused === "unknown") return;
    else if (refused.size === 0) this.#fates.take();
    else if (request.isMarkedByEvent) this.#fates.refuseEvents(request.index, refused);
  }
}

/**
 * Which events of a request were not accepted. Events of a suppressed user count as refused. After a 429 or a 5xx it is
 * unknown, because some events may be stored.
 */
function refusedEvents(status: number, verdicts: Verdicts | null): "all" | "unknown" | Set<number> {
  if (status === 429 || status >= 500) return "unknown";
  if (status >= 400) return "all";
  if (verdicts?.status === "suppressed") return "all";
  const untaken = (verdicts?.results ?? []).filter((result) => /^(rejected|suppressed)$/.test(result.status));
  return new Set(untaken.map(({ index }) => index).filter((index) => index < MAX_MARKED_EVENTS));
}

function verdictsIn(text: string): Verdicts | null {
  if (!text.startsWith("{")) return null;
  try {
    return JSON.parse(text) as Verdicts;
  } catch {
    return null;
  }
}

/**
 * The runtime refuses a request that is not HTTP before the Worker gets it, and at the edge Cloudflare does. Every answer
 * of the Worker has a request id.
 */
function isOfRuntime({ headers, status }: Answer): boolean {
  return (status === 400 || status === 501) && !headers.has("x-request-id");
}

/** Whether the answer has to repeat the write key from the path, because an SDK expects it. */
function isSettings({ target }: FuzzRequest): boolean {
  return target.includes("/settings") || target.includes("sourceConfig");
}
