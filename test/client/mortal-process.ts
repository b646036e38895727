import { createClient } from "../../client/src/index.ts";

// A server process that is told to stop: `node mortal-process.ts <url> <key> <user>`. With "once" it tracks one event
// and ends by itself. Otherwise it tracks until SIGTERM, and then prints how many events it has tracked. "hasty" gives
// it little time for that.

const [url, key, userId, mode] = process.argv.slice(2);
const client = createClient({ url: url!, key: key!, userId: userId!, flushAfterMs: 10, onDrop: () => {} });

let tracked = 0;
const track = () => client.track(`e${tracked++}`, {});
track();

if (mode !== "once") {
  const timer = setInterval(track, 1);
  process.once("SIGTERM", () => {
    clearInterval(timer);
    void client
      .shutdown(mode === "hasty" ? 50 : undefined)
      .then((isDelivered) => console.log(JSON.stringify({ tracked, isDelivered, dropped: client.dropped })));
  });
}
