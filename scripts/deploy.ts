import { migrate } from "./migrate.ts";
import { wrangler } from "./wrangler.ts";

// The migrations come second, since it is the first deploy that creates the databases. Until they are there, and
// whenever D1 is away, the users' logs keep their events.
const options = process.argv.slice(2);
wrangler(["deploy", ...options], "inherit");
if (!options.includes("--dry-run")) migrate("--remote");
