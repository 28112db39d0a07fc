import { DisposedError } from "../errors/disposed-error.ts";

/** The requests that a backend works on: each ends with its reader, and all of them with the backend. */
export class RequestsUnderWay {
  readonly #backend: string;
  readonly #disposal = new AbortController();
  readonly #running = new Set<Promise<void>>();

  /** @param backend its id, for errors. */
  constructor(backend: string) {
    this.#backend = backend;
  }

  /** @throws DisposedError once {@link end} was called. */
  check(): void {
    if (this.#disposal.signal.aborted) throw new DisposedError("The backend was disposed.", { backend: this.#backend });
  }

  /** Works on one, with a signal that aborts with the caller's, when the reader goes away, and when the backend ends. */
  async *work<Event>(
    caller: AbortSignal,
    begin: (signal: AbortSignal) => AsyncIterable<Event>,
  ): AsyncGenerator<Event, void> {
    const leaving = new AbortController();
    const signal = AbortSignal.any([caller, this.#disposal.signal, leaving.signal]);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.add(promise);
    try {
      signal.throwIfAborted();
      yield* begin(signal);
    } finally {
      leaving.abort();
      this.#running.delete(promise);
      resolve();
    }
  }

  /** Aborts all, and waits until they have ended. */
  async end(): Promise<void> {
    this.#disposal.abort();
    await Promise.allSettled([...this.#running]);
  }
}
