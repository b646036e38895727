import "./set-clock-back.ts";

export * from "../../../src/index.ts";
export { default } from "../../../src/index.ts";
