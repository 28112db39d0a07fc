import {
  type Backend,
  type CallOptions,
  type Capabilities,
  type CapabilitiesOptions,
  DisposedError,
  type GenerationEvent,
  type GenerationRequest,
  type JobHandle,
  NotFoundError,
} from "@latentkit/core";
import { context, propagation } from "@opentelemetry/api";
import { followJob } from "./http-events.ts";
import { type HttpOptions, type ResolvedHttpOptions, resolveOptions } from "./http-options.ts";
import { sendFiles } from "./send-files.ts";
import { ServerCalls } from "./server-calls.ts";
import { CapabilitiesSchema, JobSchema } from "./server-words.ts";

const backendId = "http";

/**
 * A LatentKit server (`latentkit serve`) as a backend: the same events, previews, cancel and resume as of the backend behind it.
 *
 * @example
 * ```ts
 * const client = createClient({ backend: http({ url: "http://gpu-box:8188", apiKey: process.env.LATENTKIT_API_KEY }) });
 * ```
 * @throws ConfigError naming the option that is wrong. Nothing is connected yet.
 */
export function http(options: HttpOptions): Backend {
  return new HttpBackend(resolveOptions(options));
}

class HttpBackend implements Backend {
  readonly id = backendId;
  /** A server has a list of names, and reads no paths of its clients. */
  readonly modelsAreNames = true;
  readonly #options: ResolvedHttpOptions;
  readonly #calls: ServerCalls;
  readonly #known = new Map<string, { at: number; found: Promise<Capabilities> }>();
  readonly #disposal = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: ResolvedHttpOptions) {
    this.#options = options;
    this.#calls = new ServerCalls({ ...options, backend: backendId });
  }

  async capabilities(model = this.#options.model, { fresh = false }: CapabilitiesOptions = {}): Promise<Capabilities> {
    if (this.#disposal.signal.aborted) throw new DisposedError("The backend was disposed.", { backend: backendId });
    const key = model ?? "";
    const known = this.#known.get(key);
    if (known !== undefined && !fresh && Date.now() - known.at < this.#options.capabilitiesMs) return known.found;
    const found = this.#ask(model);
    this.#known.set(key, { at: Date.now(), found });
    found.catch(() => this.#known.delete(key));
    return found;
  }

  generate(request: GenerationRequest, options: CallOptions): AsyncGenerator<GenerationEvent> {
    const { model = this.#options.model } = request;
    const asked = model === undefined ? request : { ...request, model };
    return this.#tracked(options, (signal) => this.#begin(asked, { ...options, signal }));
  }

  resume({ data }: JobHandle, options: CallOptions): AsyncGenerator<GenerationEvent> {
    if (typeof data.id !== "string" || !/^[\w-]{1,100}$/.test(data.id))
      throw new NotFoundError("The handle names no job.", { backend: backendId });
    const { id } = data as { id: string };
    return this.#tracked(options, async () => id);
  }

  async dispose(): Promise<void> {
    this.#disposal.abort();
    await Promise.allSettled([...this.#running]);
    await this.#calls.dispose();
  }

  async #ask(model: string | undefined): Promise<Capabilities> {
    const query = model === undefined ? "" : `?model=${encodeURIComponent(model)}`;
    const { server, ...found } = await this.#calls.json({
      method: "GET",
      path: `/v1/capabilities${query}`,
      schema: CapabilitiesSchema,
    });
    const { maxCount, maxSteps } = server?.limits ?? {};
    const limits = {
      ...found.limits,
      ...(maxCount === undefined
        ? {}
        : { count: { min: 1, max: Math.min(maxCount, found.limits.count?.max ?? maxCount) } }),
      ...(maxSteps === undefined
        ? {}
        : { steps: { min: 1, ...found.limits.steps, max: Math.min(maxSteps, found.limits.steps?.max ?? maxSteps) } }),
    };
    // The server's client keeps what a mask leaves black, whatever is behind it.
    return { ...found, backend: backendId, limits, resume: true, keepsUnmasked: true };
  }

  /** Begins a job. It is not cut short: a job whose id is not known could not be cancelled. @returns its id. */
  async #begin(request: GenerationRequest, options: CallOptions): Promise<string> {
    const body = await sendFiles(request, this.#calls, options);
    options.signal.throwIfAborted();
    // A repeated order is the same order: nothing is drawn or billed twice.
    const headers: Record<string, string> = { "idempotency-key": crypto.randomUUID() };
    // The server's span of the job hangs under the caller's.
    propagation.inject(context.active(), headers);
    const { id } = await this.#calls.json({
      method: "POST",
      path: "/v1/jobs",
      body,
      headers,
      isSafe: true,
      schema: JobSchema,
    });
    return id;
  }

  async *#tracked(
    options: CallOptions,
    begin: (signal: AbortSignal) => Promise<string>,
  ): AsyncGenerator<GenerationEvent> {
    const signal = AbortSignal.any([options.signal, this.#disposal.signal]);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.add(promise);
    let id: string | undefined;
    let isOver = false;
    try {
      signal.throwIfAborted();
      id = await begin(signal);
      for await (const event of followJob(id, this.#calls, this.#options, { signal, backend: backendId })) {
        isOver = event.type === "completed";
        yield event;
      }
    } catch (error) {
      isOver = !signal.aborted;
      throw error;
    } finally {
      if (!isOver && id !== undefined) await this.#cancel(id);
      this.#running.delete(promise);
      resolve();
    }
  }

  async #cancel(id: string): Promise<void> {
    const signal = AbortSignal.timeout(this.#options.cancelMs);
    await this.#calls.bytes({ method: "POST", path: `/v1/jobs/${id}/cancel`, signal, isSafe: true }).catch(() => {});
  }
}
