import { setTimeout as sleep } from "node:timers/promises";

const INTERVAL_MS = 20;

interface HeapUsage {
  usedSize: number;
  embedderHeapUsedSize?: number;
  backingStorageSize?: number;
}

/**
 * Measures what an isolate has in memory, as V8's inspector reports it: objects including garbage, and the buffers that
 * they hold. Asks whenever the isolate waits for something, so that memory that is held during a call to R2 or D1 is
 * seen.
 */
export class IsolateMemory {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (usage: HeapUsage) => void>();
  #next = 1;
  #isOver = false;
  peakHeapMb = 0;
  peakBuffersMb = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result?: HeapUsage };
      if (id !== undefined && result) this.#answers.get(id)?.(result);
    });
  }

  /** @param url the inspector's address */
  static async follow(url: URL): Promise<IsolateMemory> {
    const targets = (await (await fetch(`http://${url.host}/json`)).json()) as { webSocketDebuggerUrl: string }[];
    const socket = new WebSocket(targets[0]!.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    return new IsolateMemory(socket);
  }

  /** Asks repeatedly until `end`. */
  async run(): Promise<void> {
    while (!this.#isOver) {
      const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await this.#ask();
      this.peakHeapMb = Math.max(this.peakHeapMb, (usedSize + embedderHeapUsedSize) / 1e6);
      this.peakBuffersMb = Math.max(this.peakBuffersMb, backingStorageSize / 1e6);
      await sleep(INTERVAL_MS);
    }
    this.#socket.close();
  }

  end(): void {
    this.#isOver = true;
  }

  #ask(): Promise<HeapUsage> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#answers.set(id, (usage) => {
        this.#answers.delete(id);
        resolve(usage);
      });
      this.#socket.send(JSON.stringify({ id, method: "Runtime.getHeapUsage" }));
    });
  }
}
