// Import this first. It shortens timeouts of half a minute.
const LONG_MS = 20_000;
const SHORTER = 75;

const wait = globalThis.setTimeout;
globalThis.setTimeout = ((call: () => void, ms = 0) =>
  wait(call, ms >= LONG_MS ? ms / SHORTER : ms)) as typeof setTimeout;
