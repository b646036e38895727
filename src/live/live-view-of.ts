import type { RemoteObject } from "../remote-object.ts";
import { settingsOf } from "../settings.ts";
import type { LiveView } from "./live-view.ts";

/** The one object that all viewers are connected to, called over RPC. */
type RemoteLiveView = RemoteObject<LiveView, "watching" | "announce" | "issueTicket" | "redeemTicket"> & {
  fetch(url: string, init: RequestInit): Promise<Response>;
};

export function liveViewOf(env: Env): RemoteLiveView {
  const { location } = settingsOf(env);
  return env.LIVE_VIEW.getByName("live", location ? { locationHint: location } : {}) as RemoteLiveView;
}
