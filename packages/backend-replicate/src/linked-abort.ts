/** Made once: an abort without a reason makes an exception with a stack each time. */
const over = new Error("It is over.");

/**
 * A signal that aborts with others, and can be let go. `AbortSignal.any` would keep a weak reference for each until the
 * garbage collector comes by, which for thousands of predictions is most of its work.
 */
export class LinkedAbort implements Disposable {
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];
  readonly #onAbort = () => this.abort(this.#sources.find(({ aborted }) => aborted)?.reason);

  constructor(...sources: (AbortSignal | undefined)[]) {
    this.#sources = sources.filter((source) => source !== undefined);
    for (const source of this.#sources) source.addEventListener("abort", this.#onAbort);
    if (this.#sources.some(({ aborted }) => aborted)) this.#onAbort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown = over): void {
    this.#controller.abort(reason);
  }

  /** Follows its sources no longer. */
  [Symbol.dispose](): void {
    for (const source of this.#sources) source.removeEventListener("abort", this.#onAbort);
  }
}
