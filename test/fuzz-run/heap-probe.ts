/** Measures the heap of the Worker's isolate with V8's inspector. */
export class HeapProbe {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, number>>>();
  #next = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result = {} } = JSON.parse(String(data)) as { id?: number; result?: Record<string, number> };
      if (id === undefined) return;
      this.#waiting.get(id)?.resolve(result);
      this.#waiting.delete(id);
    });
    socket.addEventListener("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("The inspector has gone, and workerd with it"));
    });
  }

  /** @param url the inspector's address */
  static async open(url: URL): Promise<HeapProbe> {
    const socket = new WebSocket(`ws://${url.host}/core:user:`);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", () => reject(new Error("The inspector cannot be reached")));
    });
    const probe = new HeapProbe(socket);
    await probe.#call("HeapProfiler.enable");
    return probe;
  }

  /** Megabytes in use after garbage collection, including buffers outside V8's own heap. */
  async liveMb(): Promise<number> {
    await this.#call("HeapProfiler.collectGarbage");
    const { usedSize = 0, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await this.#call("Runtime.getHeapUsage");
    return Math.round((usedSize + embedderHeapUsedSize + backingStorageSize) / 1e6);
  }

  close(): void {
    this.#socket.close();
  }

  #call(method: string): Promise<Record<string, number>> {
    const id = this.#next++;
    const answer = Promise.withResolvers<Record<string, number>>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method }));
    return answer.promise;
  }
}
