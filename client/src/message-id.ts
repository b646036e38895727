let made = 0;

/** A unique id that sorts by the time when it was made. */
export function messageId(): string {
  // Does not use randomUUID, which pages without TLS do not have.
  const random = Array.from(crypto.getRandomValues(new Uint8Array(14)), (byte) => (byte % 36).toString(36));
  return Date.now().toString(36) + (made++ % 36 ** 4).toString(36).padStart(4, "0") + random.join("");
}
