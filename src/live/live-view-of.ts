import { objectOf } from "../object-of.ts";
import type { RemoteObject } from "../remote-object.ts";
import type { LiveView } from "./live-view.ts";

/** The one object that all viewers are connected to, called over RPC. */
type RemoteLiveView = RemoteObject<LiveView, "watching" | "announce" | "issueTicket" | "redeemTicket"> & {
  fetch(url: string, init: RequestInit): Promise<Response>;
};

export function liveViewOf(env: Env): RemoteLiveView {
  return objectOf(env, env.LIVE_VIEW, "live");
}
