export { app as default } from "../../../src/app.ts";
export { UserTable } from "./user-table.ts";
// wrangler.toml binds them; nothing calls them.
export { D1Writer } from "../../../src/d1/d1-writer.ts";
export { UserLog } from "../../../src/user/user-log.ts";
