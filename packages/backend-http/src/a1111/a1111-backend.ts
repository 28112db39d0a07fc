import {
  type Backend,
  type CallOptions,
  type Capabilities,
  type CapabilitiesOptions,
  DisposedError,
  type GenerationEvent,
  type GenerationRequest,
} from "@latentkit/core";
import { ServerCalls } from "../server-calls.ts";
import { type A1111Options, type ResolvedA1111Options, resolveA1111Options } from "./a1111-options.ts";
import { A1111Run } from "./a1111-run.ts";
import { type A1111Lists, capabilitiesOf, readLists } from "./a1111-server.ts";

/**
 * A server that speaks A1111's API as a backend: AUTOMATIC1111, Forge, SD.Next, Draw Things, sd.cpp's server, or `latentkit serve`. Progress and
 * previews by asking for them; a cancel interrupts the server only while it runs this very job.
 *
 * @example
 * ```ts
 * const client = createClient({ backend: a1111({ url: "http://127.0.0.1:7860" }) });
 * ```
 * @throws ConfigError naming the option that is wrong. Nothing is connected yet.
 */
export function a1111(options: A1111Options): Backend {
  return new A1111Backend(resolveA1111Options(options));
}

const listsMs = 60_000;

class A1111Backend implements Backend {
  readonly id = "a1111";
  /** Checkpoints and LoRAs are names in the server's lists. */
  readonly modelsAreNames = true;
  readonly #options: ResolvedA1111Options;
  readonly #calls: ServerCalls;
  readonly #disposal = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #lists: { at: number; found: Promise<A1111Lists> } | undefined;

  constructor(options: ResolvedA1111Options) {
    this.#options = options;
    this.#calls = new ServerCalls({ ...options, backend: this.id });
  }

  async capabilities(model = this.#options.model, { fresh = false }: CapabilitiesOptions = {}): Promise<Capabilities> {
    return capabilitiesOf(await this.#known(fresh), model);
  }

  async *generate(request: GenerationRequest, options: CallOptions): AsyncGenerator<GenerationEvent> {
    const signal = AbortSignal.any([options.signal, this.#disposal.signal]);
    const { model = this.#options.model } = request;
    const asked = model === undefined ? request : { ...request, model };
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.add(promise);
    try {
      const lists = await this.#known(false);
      yield* new A1111Run(this.#calls, this.#options).events(asked, lists, { ...options, signal });
    } finally {
      this.#running.delete(promise);
      resolve();
    }
  }

  async dispose(): Promise<void> {
    this.#disposal.abort();
    await Promise.allSettled([...this.#running]);
    await this.#calls.dispose();
  }

  #known(fresh: boolean): Promise<A1111Lists> {
    if (this.#disposal.signal.aborted) throw new DisposedError("The backend was disposed.", { backend: this.id });
    if (this.#lists === undefined || fresh || Date.now() - this.#lists.at > listsMs) {
      const found = readLists(this.#calls);
      this.#lists = { at: Date.now(), found };
      found.catch(() => {
        this.#lists = undefined;
      });
    }
    return this.#lists.found;
  }
}
