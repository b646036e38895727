export { app as default } from "../../../src/http/app.ts";
export { UserTable } from "./user-table.ts";
// wrangler.toml binds it; nothing calls it.
export { UserLog } from "../../../src/user/user-log.ts";
