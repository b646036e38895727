export { app as default } from "./http/app.ts";
export { UserLog } from "./user/user-log.ts";
