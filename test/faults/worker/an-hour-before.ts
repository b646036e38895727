import "./set-clock-back.ts";

export { default, D1Writer, UserLog } from "../../../src/index.ts";
