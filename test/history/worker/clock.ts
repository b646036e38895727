import { env } from "cloudflare:workers";

// Imported before anything else: a clock that can be set while the Worker runs, and is wrong from the start if need be.

const machineNow = Date.now.bind(Date);
let offsetMs = Number((env as { CLOCK_OFFSET_MS?: string }).CLOCK_OFFSET_MS ?? 0);

Date.now = () => machineNow() + offsetMs;

/** Makes the Worker's clock run ahead of the machine's, or behind it. */
export function setClock(aheadMs: number): void {
  offsetMs = aheadMs;
}

/**
 * Keeps an object's alarms at the time that is left until they go off, whatever the clock does meanwhile: the platform
 * counts that time, and the machine's clock did not jump.
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
