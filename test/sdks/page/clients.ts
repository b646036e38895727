import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";
import { AnalyticsBrowser } from "@segment/analytics-next";

// Runs in the page: the clients that browsers use, unmodified. Only their key and their host are ours.

export interface Target {
  /** Tracklog's origin. */
  url: string;
  writeKey: string;
}

export interface People {
  /** Who is in the page at first. */
  visitor: string;
  /** Who the visitor turns out to be. */
  user: string;
}

/** What the SDKs' interfaces have in common. */
interface Sdk {
  setAnonymousId(id: string): unknown;
  track(event: string, properties?: Record<string, string | number>): unknown;
  identify(userId: string, traits: Record<string, string>): unknown;
  page(category: string, name: string): unknown;
  group(groupId: string, traits: Record<string, number>): unknown;
  alias(to: string, from: string): unknown;
}

/** Every call of Segment's protocol that exists in a browser. */
async function callAll(sdk: Sdk, { visitor, user }: People): Promise<void> {
  sdk.setAnonymousId(visitor);
  // One of the SDKs looks up later who its user is.
  await sdk.track("visited");
  sdk.identify(user, { plan: "pro" });
  sdk.page("Docs", "Home");
  for (const i of [0, 1, 2]) sdk.track("clicked", { i });
  sdk.group("acme", { seats: 3 });
  sdk.alias(user, visitor);
}

export async function segment({ url, writeKey }: Target, people: People, strategy: "standard" | "batching") {
  const batching = { strategy: "batching", config: { size: 4, timeout: 200 } } as const;
  const [sdk] = await AnalyticsBrowser.load(
    { writeKey, cdnURL: url },
    strategy === "batching" ? { integrations: { "Segment.io": { deliveryStrategy: batching } } } : {},
  );
  await callAll(sdk, people);
}

export async function rudder({ url, writeKey }: Target, people: People, useBeacon: boolean) {
  const sdk = new RudderAnalytics();
  sdk.load(writeKey, url, { configUrl: url, useBeacon });
  await new Promise<void>((resolve) => {
    sdk.ready(resolve);
  });
  await callAll(sdk, people);
}

/** @returns what the page could read of the answer */
export async function credentialedFetch({ url, writeKey }: Target, event: object): Promise<unknown> {
  const response = await fetch(`${url}/track`, {
    method: "POST",
    credentials: "include",
    headers: { Authorization: `Bearer ${writeKey}`, "Content-Type": "application/json" },
    body: JSON.stringify(event),
  });
  return { status: response.status, requestId: response.headers.get("X-Request-Id"), body: await response.json() };
}

/** @returns whether the browser took the beacon over, which says nothing about its arrival */
export function beacon({ url, writeKey }: Target, event: object, form: "text" | "JSON Blob"): boolean {
  const text = JSON.stringify(event);
  const body = form === "text" ? text : new Blob([text], { type: "application/json" });
  return navigator.sendBeacon(`${url}/track?writeKey=${writeKey}`, body);
}

/** What tracing libraries add to every request of a page, by the same means: they wrap fetch and XMLHttpRequest. */
const TRACING = {
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  baggage: "sentry-environment=test",
  "sentry-trace": "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
};

export function addTracing(): void {
  const plainFetch = window.fetch.bind(window);
  window.fetch = (input, init) => {
    const request = new Request(input, init);
    for (const [name, value] of Object.entries(TRACING)) request.headers.set(name, value);
    return plainFetch(request);
  };
  window.XMLHttpRequest = class extends XMLHttpRequest {
    override send(body?: Document | XMLHttpRequestBodyInit | null): void {
      for (const [name, value] of Object.entries(TRACING)) this.setRequestHeader(name, value);
      super.send(body);
    }
  };
}
