import { TimeoutError } from "../errors/timeout-error.ts";

/** How an answer's body is read. */
export interface ReadBodyOptions {
  /** More is refused while it comes, or before where its length is told. */
  maxBytes: number;
  /** After so many milliseconds the body must have come at 8 KiB/s at least. */
  timeoutMs: number;
  /** Longest time for the whole body, at whatever speed, in milliseconds. */
  wholeMs: number;
  /** What the body is of, for errors. */
  what: string;
  /** The told length, where there is one. */
  length?: number | undefined;
}

/** A body that has more bytes than are taken. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

/** Slower than this no picture and no list comes: a server means harm, or is lost. */
const slowestBytesPerMs = 8.192;

type Body = AsyncIterable<Uint8Array> & { destroy?(error?: Error): unknown };

/**
 * Reads a body with limits on its size, its speed and its time: one that trickles holds nobody.
 *
 * @throws BodyTooLarge, TimeoutError, or what the body itself throws.
 */
export async function readBody(body: Body, options: ReadBodyOptions): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of boundedBody(body, options)) parts.push(part);
  return Buffer.concat(parts);
}

/** A body's parts as they come, with the limits of {@link readBody}. Time in which the reader lets it wait does not count. */
export async function* boundedBody(
  body: Body,
  { maxBytes, timeoutMs, wholeMs, what, length = 0 }: ReadBodyOptions,
): AsyncGenerator<Uint8Array> {
  const tooLarge = () => new BodyTooLarge(`${what}: the answer is larger than ${maxBytes} bytes`);
  let [bytes, waited, since] = [0, 0, performance.now()];
  let late: TimeoutError | undefined;
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  givenUp.catch(() => {});
  const check = () => {
    const ms = waited + (since === 0 ? 0 : performance.now() - since);
    if (ms <= wholeMs && (ms - timeoutMs) * slowestBytesPerMs <= bytes) return;
    late = new TimeoutError(`${what}: the answer came too slowly (${bytes} bytes in ${Math.round(ms)} ms).`);
    reject(late);
    leave(body);
  };
  const timer = setInterval(check, Math.min(Math.max(timeoutMs / 4, 10), 1000));
  const iterator = body[Symbol.asyncIterator]();
  let isDone = false;
  try {
    if (length > maxBytes) throw tooLarge();
    while (true) {
      since = performance.now();
      const next = await Promise.race([iterator.next(), givenUp]);
      waited += performance.now() - since;
      since = 0;
      isDone = next.done === true;
      if (next.done === true) return;
      bytes += next.value.length;
      if (bytes > maxBytes) throw tooLarge();
      yield next.value;
    }
  } catch (error) {
    throw late ?? error;
  } finally {
    clearInterval(timer);
    if (!isDone) leave(body);
  }
}

function leave(body: Body): void {
  // Its own error is nobody's any more.
  (body as { on?(name: string, listener: () => void): void }).on?.("error", () => {});
  body.destroy?.();
}
