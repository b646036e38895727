/**
 * A request and its answer. Both are published under the example's name, so that the pair can be run: the request's
 * body with the operation's, the rest as `x-request`.
 */
export interface Example {
  summary: string;
  request?: ExampleRequest;
  /** Examples to run first, each as "operationId/name". */
  after?: string[];
  status: number;
  /** A text if the media type is not JSON. */
  answer: unknown;
}

/** The differences from the operation's first example. */
export interface ExampleRequest {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** A body that is too long to write down: a text and how often it is repeated. */
  repeat?: { text: string; times: number };
}
