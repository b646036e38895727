/**
 * A request and its answer. Both are published under the example's name, the request's body among those of the
 * operation, the rest as `x-request`, so that the pair can be run.
 */
export interface Example {
  summary: string;
  request?: ExampleRequest;
  /** Examples that come first, each as "operationId/name". */
  after?: string[];
  status: number;
  /** A text where the media type is not JSON. */
  answer: unknown;
}

/** What differs from the operation's first example. */
export interface ExampleRequest {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** A body that is too long to be written down: a text, so many times. */
  repeat?: { text: string; times: number };
}
