import {
  type Backend,
  type CallOptions,
  type Capabilities,
  type CapabilitiesOptions,
  DisposedError,
  type GenerationEvent,
  type GenerationRequest,
  type JobHandle,
  type UrlPayload,
} from "@latentkit/core";
import { capabilitiesOf } from "./capabilities.ts";
import { backendId, comfyDetails } from "./comfy-error.ts";
import { type ComfyOptions, resolveOptions } from "./comfy-options.ts";
import { generateOn } from "./generate.ts";
import { replyError } from "./http/comfy-http.ts";
import { architectureOf } from "./prepare.ts";
import { resumeOn } from "./resume.ts";
import { isUnconfirmed } from "./run/cancel.ts";
import { drain } from "./run/drain.ts";
import { byDefinitions } from "./server/by-definitions.ts";
import { ComfyServer } from "./server/comfy-server.ts";
import type { OutputSpecs, Workflow } from "./workflow/define-workflow.ts";
import type { ParameterSpecs, ParameterValues } from "./workflow/parameters.ts";
import {
  type RunOptions,
  resumeWorkflow,
  runWorkflow,
  type WorkflowResult,
  type WorkflowRun,
} from "./workflow/run-workflow.ts";

/** A backend over one ComfyUI server. */
export interface ComfyBackend extends Backend {
  readonly id: "comfy";
  /** The server behind it: its definitions, queue and history. */
  readonly server: ComfyServer;
  /**
   * Runs a workflow of one's own.
   *
   * @throws InvalidRequestError naming the parameter, and whatever a generation throws.
   */
  run<P extends ParameterSpecs, O extends OutputSpecs>(
    workflow: Workflow<P, O>,
    values: ParameterValues<P>,
    options?: RunOptions,
  ): Promise<WorkflowResult<O>>;
  /**
   * Goes on with a workflow's run after a crash or in another process.
   *
   * @param handle the one that the run's `queued` event gave to `onEvent`; it survives JSON.
   * @throws NotFoundError when the server no longer knows the run, and whatever a generation throws.
   */
  resumeRun<O extends OutputSpecs>(
    workflow: Workflow<ParameterSpecs, O>,
    handle: Record<string, unknown>,
    options?: RunOptions,
  ): Promise<WorkflowResult<O>>;
}

/**
 * A backend that runs requests on a ComfyUI server.
 *
 * @example
 * ```ts
 * const client = createClient({ backend: comfy({ url: "http://127.0.0.1:8188", checkpoint: "sd_xl_base_1.0" }) });
 * ```
 * @throws ConfigError naming the option that is wrong. Nothing is connected yet.
 */
export function comfy(options: ComfyOptions = {}): ComfyBackend {
  return new ServerBackend(options);
}

/** A picture of 16384 × 16384 pixels as PNG has less. */
const maxPictureBytes = 512 * 2 ** 20;

/** The backend itself: runs of workflows are streams of events here, as requests are. */
export class ServerBackend implements ComfyBackend {
  readonly id = backendId;
  readonly modelsAreNames = true;
  readonly server: ComfyServer;
  readonly #disposal = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: ComfyOptions) {
    this.server = new ComfyServer(resolveOptions(options));
  }

  async capabilities(model?: string, { signal, fresh = false }: CapabilitiesOptions = {}): Promise<Capabilities> {
    this.#refuseDisposed();
    if (fresh) this.server.forgetDefinitions(performance.now());
    const request = { task: "text-to-image" as const, ...(model === undefined ? {} : { model }) };
    return byDefinitions(this.server, signal, async (info) => {
      const architecture = await architectureOf(this.server, request, signal);
      return capabilitiesOf(info, this.server.options, model, architecture);
    });
  }

  generate(request: GenerationRequest, options: CallOptions): AsyncGenerator<GenerationEvent> {
    return this.#tracked(options.signal, (signal) => generateOn(this.server, request, signal, options.inputs));
  }

  resume(handle: JobHandle, options: CallOptions): AsyncIterable<GenerationEvent> {
    return this.#tracked(options.signal, (signal) => resumeOn(this.server, handle, signal));
  }

  run<P extends ParameterSpecs, O extends OutputSpecs>(
    workflow: Workflow<P, O>,
    values: ParameterValues<P>,
    options: RunOptions = {},
  ): Promise<WorkflowResult<O>> {
    return drain(this.runEvents(workflow, values, options), options.onEvent ?? (() => {}));
  }

  /** A run as its events, whose last word is its result. */
  runEvents<P extends ParameterSpecs, O extends OutputSpecs>(
    workflow: Workflow<P, O>,
    values: ParameterValues<P>,
    { signal, ...rest }: RunOptions,
  ): WorkflowRun<O> {
    return this.#tracked(signal, (own) => runWorkflow(this.server, workflow, values, { ...rest, signal: own }));
  }

  resumeRun<O extends OutputSpecs>(
    workflow: Workflow<ParameterSpecs, O>,
    handle: Record<string, unknown>,
    options: RunOptions = {},
  ): Promise<WorkflowResult<O>> {
    const { signal, onEvent = () => {}, ...rest } = options;
    const start = (own: AbortSignal) => resumeWorkflow(this.server, workflow, handle, { ...rest, signal: own });
    return drain(this.#tracked(signal, start), onEvent);
  }

  async fetchImage({ url }: UrlPayload, { signal }: CallOptions): Promise<Uint8Array> {
    const { http } = this.server;
    const reply = await http.patiently(
      () => http.fetch(new URL(url), "GET", { signal, maxBytes: maxPictureBytes }),
      signal,
    );
    if (reply.status === 200) return reply.body;
    throw replyError(reply, "generated image");
  }

  async dispose(): Promise<void> {
    this.#disposal.abort(new DisposedError("The backend was disposed.", comfyDetails()));
    await Promise.allSettled(this.#running);
    await this.server.dispose();
  }

  /** Ends with the backend, which waits for the job's own clean-up. */
  async *#tracked<T>(
    signal: AbortSignal | undefined,
    start: (signal: AbortSignal) => AsyncGenerator<GenerationEvent, T>,
  ): AsyncGenerator<GenerationEvent, T> {
    this.#refuseDisposed();
    const own = this.#disposal.signal;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.add(promise);
    try {
      return yield* start(signal === undefined ? own : AbortSignal.any([signal, own]));
    } catch (error) {
      // A job that was cancelled ends with its caller's reason: what the server did about it is told beside.
      if (isUnconfirmed(error)) yield { type: "warning", code: "cancel_unconfirmed", message: error.message };
      throw error;
    } finally {
      resolve();
      this.#running.delete(promise);
    }
  }

  #refuseDisposed(): void {
    if (this.#disposal.signal.aborted)
      throw new DisposedError("The backend was disposed; make a new one.", comfyDetails());
  }
}
