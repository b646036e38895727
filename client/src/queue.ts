import { attempt } from "./attempt.ts";

export interface Queue {
  /** The events that wait, oldest first, as JSON by their ids. */
  waiting: ReadonlyMap<string, string>;
  /** Takes an event, unless the queue is full. */
  add: (id: string, json: string) => boolean;
  remove: (id: string) => void;
  /** Whether an event will be there for the next page. */
  isStored: (id: string) => boolean;
  /** Whether events are also kept in storage. Not before consent: it covers what is stored in a browser, too. */
  persist: (isWanted: boolean) => void;
}

/**
 * Events that wait, in memory and, in a page, in localStorage: each under a key of its own, so that tabs do not
 * overwrite each other's. Every tab has the events of all, through the browser's `storage` events, and so takes over
 * what a dead one left.
 *
 * Not in IndexedDB: a write to localStorage is handed to the browser before the call returns, and survives a page that is
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

  // Storage that is full or forbidden leaves the event in memory.
  const store = (id: string, json: string) => isPersistent && attempt(() => storage?.setItem(prefix + id, json));

  if (storage) {
    for (const key of Object.keys(storage).sort()) {
      const json = key.startsWith(prefix) && storage.getItem(key); // null if another tab was faster
      if (json) put(key.slice(prefix.length), json);
    }
    addEventListener(
      "storage",
      ({ key, newValue }) => {
        // Not a `clear()` by the page, whose key is null: what it cleared is still in memory, and is sent.
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
