export { app as default } from "../../../src/http/app.ts";
export { UserLog } from "../../../src/user/user-log.ts";
