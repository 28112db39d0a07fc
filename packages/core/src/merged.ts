/**
 * The values of several sources as they come, of at most `atOnce` sources at a time, in the order in which they are given. When one throws, or
 * the reader leaves, those that run are left as well and those that wait are never begun.
 */
export async function* merged<T>(
  sources: readonly (() => AsyncIterable<T>)[],
  atOnce = Number.POSITIVE_INFINITY,
): AsyncGenerator<T> {
  const waiting = [...sources];
  const running = new Map<AsyncIterator<T>, Promise<{ source: AsyncIterator<T>; next: IteratorResult<T> }>>();
  const advance = (source: AsyncIterator<T>) => {
    const step = source.next().then((next) => ({ source, next }));
    // One that nobody waits for any more may fail unheard.
    step.catch(() => {});
    running.set(source, step);
  };
  const begin = () => {
    const make = waiting.shift();
    if (make !== undefined) advance(make()[Symbol.asyncIterator]());
  };
  for (let i = 0; i < Math.min(atOnce, sources.length); i++) begin();
  try {
    while (running.size > 0) {
      const { source, next } = await Promise.race(running.values());
      running.delete(source);
      if (next.done === true) begin();
      else {
        advance(source);
        yield next.value;
      }
    }
  } finally {
    await Promise.allSettled([...running.keys()].map((source) => source.return?.()));
  }
}
