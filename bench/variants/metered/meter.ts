import { DurableObject } from "cloudflare:workers";
import { countD1, countStorage } from "./count-work.ts";

let installed = false;

/** An object of the benchmark, because the classes of an object's storage can be reached only from inside an object. */
export class Meter extends DurableObject<Env> {
  install(): void {
    if (installed) return;
    installed = true;
    countStorage(this.ctx.storage);
    countD1(this.env.DB);
  }
}
