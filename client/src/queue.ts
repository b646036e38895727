import { attempt } from "./attempt.ts";

export interface Queue {
  /** The waiting events, oldest first, as JSON by their ids. */
  waiting: ReadonlyMap<string, string>;
  /** Adds an event. Returns false if the queue is full. */
  add: (id: string, json: string) => boolean;
  remove: (id: string) => void;
  /** Whether the next page will find an event in storage. */
  isStored: (id: string) => boolean;
  /**
   * Sets whether events are also kept in storage. Not before consent, which also covers what is stored in a browser.
   */
  persist: (isWanted: boolean) => void;
}

/**
 * The waiting events, in memory and, in a page, in localStorage. Each has a key of its own, so tabs do not overwrite
 * each other's. The browser's `storage` events give every tab the events of all, so it can take over from a tab that
 * has died.
 *
 * Not IndexedDB: a write to localStorage has reached the browser when the call returns, so it survives a page that is
 * killed right after it.
 */
export function openQueue(
  storage: Storage | undefined,
  prefix: string,
  maxEvents: number,
  maxCharacters: number,
  onOthers: () => void,
  signal: AbortSignal,
): Queue {
  const waiting = new Map<string, string>();
  let characters = 0;
  let isPersistent = false;

  function forget(id: string) {
    characters -= waiting.get(id)?.length ?? 0;
    waiting.delete(id);
  }

  function put(id: string, json: string) {
    forget(id);
    waiting.set(id, json);
    characters += json.length;
  }

  // If storage is full or forbidden, the event stays in memory.
  const store = (id: string, json: string) => isPersistent && attempt(() => storage?.setItem(prefix + id, json));

  if (storage) {
    for (const key of Object.keys(storage).sort()) {
      const json = key.startsWith(prefix) && storage.getItem(key); // null if another tab was faster
      if (json) put(key.slice(prefix.length), json);
    }
    addEventListener(
      "storage",
      ({ key, newValue }) => {
        // Ignores a `clear()` by the page, whose key is null: the cleared events are still in memory and will be sent.
        if (!key?.startsWith(prefix)) return;
        const id = key.slice(prefix.length);
        if (newValue === null) return forget(id);
        put(id, newValue);
        onOthers();
      },
      { signal },
    );
  }

  return {
    waiting,
    add(id, json) {
      if (waiting.size >= maxEvents || characters + json.length > maxCharacters) return false;
      put(id, json);
      store(id, json);
      return true;
    },
    remove(id) {
      forget(id);
      attempt(() => storage?.removeItem(prefix + id));
    },
    isStored: (id) => !!attempt(() => storage?.getItem(prefix + id)),
    persist(isWanted) {
      isPersistent = isWanted;
      waiting.forEach((json, id) => store(id, json));
    },
  };
}
