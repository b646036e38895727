/**
 * A body of texts, each made when the client reads it. If a text cannot be made, the body breaks instead of ending.
 *
 * @param onFailure gets what the texts throw
 */
export function streamOf(texts: AsyncGenerator<string>, onFailure: (error: unknown) => void): ReadableStream {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      try {
        const next = await texts.next();
        if (next.done) controller.close();
        else controller.enqueue(encoder.encode(next.value));
      } catch (error) {
        onFailure(error);
        controller.error(error);
      }
    },
    async cancel() {
      await texts.return(undefined);
    },
  });
}
