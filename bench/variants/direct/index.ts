export { app as default } from "../../../src/app.ts";
// wrangler.toml binds the objects; events go to none of them.
export * from "../../../src/index.ts";
