import { Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { getPathNoStrict } from "hono/utils/url";
import { logFailure } from "./log-failure.ts";
import type { AppEnv } from "./http/app-env.ts";
import { announceRefusals } from "./http/write/announce-verdicts.ts";
import { browserAccess, refusalAccess } from "./http/write/browser-access.ts";
import { archive } from "./http/read/archive.ts";
import { feed } from "./http/read/feed.ts";
import { health } from "./http/read/health.ts";
import { metrics } from "./http/read/metrics.ts";
import { live } from "./http/read/live.ts";
import { noStore } from "./http/no-store.ts";
import { openapi } from "./http/openapi.ts";
import { problem } from "./http/problem.ts";
import { countStatus } from "./http/count-status.ts";
import { stats } from "./http/read/stats.ts";
import { startPage } from "./http/start-page.ts";
import { rejections } from "./http/read/rejections.ts";
import { replay } from "./http/write/replay.ts";
import { sdkSettings } from "./http/write/sdk-settings.ts";
import { segment } from "./http/write/segment.ts";
import { track } from "./http/write/track.ts";
import { rebuild } from "./http/read/rebuild.ts";
import { userExport } from "./http/read/export.ts";
import { users } from "./http/read/users.ts";

// SDKs append their path to the host that they were given, and some add a slash at the end. A slash too many, at either
// end, must not lose an event.
export const app = new Hono<AppEnv>({ getPath: (request) => getPathNoStrict(request).replace(/^\/{2,}/, "/") });

app.use(requestId());
// The defaults about framing, opening and prefetching pages mean nothing for an API. CORS alone decides whether a page
// may read an answer.
app.use(
  secureHeaders({
    crossOriginResourcePolicy: "cross-origin",
    // Without includeSubDomains, because this Worker cannot decide whether a team's other hosts have TLS.
    strictTransportSecurity: "max-age=15552000",
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  }),
);
app.use(noStore);
app.use(countStatus);
app.use(refusalAccess(app));
app.use("/track/*", announceRefusals, browserAccess);
app.use("/v1/*", announceRefusals, browserAccess);
app.use("/beacon/*", announceRefusals, browserAccess);
app.use("/sourceConfig/*", browserAccess);
app.use("/api/public/apps/*", announceRefusals, browserAccess);
app.use(
  methodNotAllowed({ app, onMethodNotAllowed: (c, allow) => problem(c, { reason: "method_not_allowed", allow }) }),
);

app.route("/", track);
app.route("/", segment);
app.route("/", sdkSettings);
app.route("/", users);
app.route("/", userExport);
app.route("/", feed);
app.route("/", live);
app.route("/", rejections);
app.route("/", replay);
app.route("/", archive);
app.route("/", rebuild);
app.route("/", stats);
app.route("/", health);
app.route("/", metrics);
app.route("/", startPage);
app.route("/", openapi);

app.notFound((c) => problem(c, { reason: "not_found", detail: "There is nothing at this path." }));
app.onError((error, c) => {
  logFailure("internal_error", error, { request_id: c.get("requestId") });
  return problem(c, { reason: "internal" });
});
