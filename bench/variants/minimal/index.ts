export { app as default } from "../../../src/app.ts";
export { UserTable } from "./user-table.ts";
// wrangler.toml binds these objects, so they must exist, but events go to none of them.
export * from "../../../src/index.ts";
