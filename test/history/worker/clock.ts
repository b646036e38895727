import { env } from "cloudflare:workers";

// A clock that can be set while the Worker runs, and may be wrong from the start. It must be imported before all else.

const machineNow = Date.now.bind(Date);
let offsetMs = Number((env as { CLOCK_OFFSET_MS?: string }).CLOCK_OFFSET_MS ?? 0);

Date.now = () => machineNow() + offsetMs;

/** Sets how far the Worker's clock is ahead of the machine's. A negative number puts it behind. */
export function setClock(aheadMs: number): void {
  offsetMs = aheadMs;
}

/**
 * Makes an object's alarms go off after the same duration, even if the Worker's clock jumps meanwhile, because the platform
 * goes by the machine's clock, which does not jump.
 */
export function shiftAlarms(storage: DurableObjectStorage): void {
  const setAlarm = storage.setAlarm.bind(storage);
  const getAlarm = storage.getAlarm.bind(storage);
  storage.setAlarm = (time, options) => setAlarm(Number(time) - offsetMs, options);
  storage.getAlarm = async (options) => {
    const time = await getAlarm(options);
    return time === null ? null : time + offsetMs;
  };
}
