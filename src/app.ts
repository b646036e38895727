import { Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { getPathNoStrict } from "hono/utils/url";
import { logFailure } from "./log-failure.ts";
import type { AppEnv } from "./http/app-env.ts";
import { browserAccess } from "./http/write/browser-access.ts";
import { feed } from "./http/read/feed.ts";
import { health } from "./http/read/health.ts";
import { noStore } from "./http/no-store.ts";
import { openapi } from "./openapi/openapi.ts";
import { problem } from "./http/problem.ts";
import { sdkSettings } from "./http/write/sdk-settings.ts";
import { segment } from "./http/write/segment.ts";
import { track } from "./http/write/track.ts";
import { users } from "./http/read/users.ts";

// SDKs append their path to whatever they were given as a host, and some end it with a slash: no event may be lost for
// one slash too many, at either end.
export const app = new Hono<AppEnv>({ getPath: (request) => getPathNoStrict(request).replace(/^\/{2,}/, "/") });

app.use(requestId());
// The defaults for pages that frame, open and prefetch say nothing to an API; what is answered may be read anywhere.
app.use(
  secureHeaders({
    crossOriginResourcePolicy: "cross-origin",
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  }),
);
app.use(noStore);
app.use("/track", browserAccess);
app.use("/v1/*", browserAccess);
app.use("/beacon/*", browserAccess);
app.use("/sourceConfig/*", browserAccess);
app.use("/api/public/apps/*", browserAccess);
app.use(
  methodNotAllowed({ app, onMethodNotAllowed: (c, allow) => problem(c, { reason: "method_not_allowed", allow }) }),
);

app.route("/", track);
app.route("/", segment);
app.route("/", sdkSettings);
app.route("/", users);
app.route("/", feed);
app.route("/", health);
app.route("/", openapi);

app.notFound((c) => problem(c, { reason: "not_found", detail: "There is nothing at this path." }));
app.onError((error, c) => {
  logFailure("internal_error", error, { request_id: c.get("requestId") });
  return problem(c, { reason: "internal" });
});
