import {
  type Backend,
  type CallOptions,
  type Capabilities,
  type GenerationEvent,
  type GenerationRequest,
  RequestsUnderWay,
  runCalls,
} from "@latentkit/core";
import { capabilitiesOf } from "./capabilities.ts";
import { planCalls } from "./map-request.ts";
import { OpenAiCalls } from "./openai-calls.ts";
import { callEvents } from "./openai-events.ts";
import { backendId, type OpenAiOptions, type ResolvedOpenAiOptions, resolveOptions } from "./openai-options.ts";
import { UsageSum } from "./usage.ts";

/**
 * OpenAI's images API as a backend, and what else speaks it.
 *
 * @example
 * ```ts
 * const client = createClient({ backend: openai({ model: "gpt-image-2.5-flare" }) });
 * ```
 * @throws ConfigError naming the option that is wrong, or the key that is missing. Nothing is connected yet.
 */
export function openai(options: OpenAiOptions = {}): Backend {
  return new OpenAiBackend(resolveOptions(options));
}

/** The backend of options that are resolved already. */
export class OpenAiBackend implements Backend {
  readonly id = backendId;
  readonly #options: ResolvedOpenAiOptions;
  readonly #calls: OpenAiCalls;
  readonly #requests = new RequestsUnderWay(backendId);

  constructor(options: ResolvedOpenAiOptions) {
    this.#options = options;
    this.#calls = new OpenAiCalls(options);
  }

  async capabilities(model = this.#options.model): Promise<Capabilities> {
    this.#requests.check();
    return capabilitiesOf(model, this.#options);
  }

  generate(request: GenerationRequest, options: CallOptions): AsyncGenerator<GenerationEvent> {
    return this.#requests.work(options.signal, (signal) => this.#run(request, { ...options, signal }));
  }

  async dispose(): Promise<void> {
    await this.#requests.end();
    await this.#calls.dispose();
  }

  async *#run(request: GenerationRequest, options: CallOptions): AsyncGenerator<GenerationEvent> {
    const planned = await planCalls(request, this.#options, options);
    const { model: id = this.#options.model } = request;
    yield { type: "queued" };
    yield { type: "started", ...(id === undefined ? {} : { model: { id } }) };
    const usage = new UsageSum();
    const context = { calls: this.#calls, options: this.#options, signal: options.signal, usage };
    const calls = planned.map((call) => ({ ...call, events: () => callEvents(call, context) }));
    yield* runCalls(calls, { backend: backendId, signal: options.signal, atOnce: this.#options.concurrency });
    yield { type: "completed", metrics: usage.metrics() };
  }
}
