import {
  type Backend,
  type CallOptions,
  type Capabilities,
  DisposedError,
  type GenerationEvent,
  type GenerationRequest,
  type JobHandle,
  NotFoundError,
  type UrlPayload,
} from "@latentkit/core";
import { z } from "zod";
import { capabilitiesOf } from "./capabilities.ts";
import { backendId, comfyDetails, statusError } from "./comfy-error.ts";
import { type ComfyOptions, resolveOptions } from "./comfy-options.ts";
import { type ComfyHandle, finish } from "./finish.ts";
import { generateOn } from "./generate.ts";
import type { Graph } from "./graph/graph.ts";
import { architectureOf } from "./prepare.ts";
import { isUnconfirmed } from "./run/cancel.ts";
import { ComfyServer } from "./server/comfy-server.ts";
import { positionIn } from "./server/queue.ts";
import type { OutputSpecs, Workflow } from "./workflow/define-workflow.ts";
import type { ParameterSpecs, ParameterValues } from "./workflow/parameters.ts";
import { type RunOptions, runWorkflow, type WorkflowResult } from "./workflow/run-workflow.ts";

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
  return new ServerBackend(new ComfyServer(resolveOptions(options)));
}

const HandleSchema = z.object({
  url: z.string(),
  promptId: z.string(),
  clientId: z.string(),
  outputs: z.record(z.string(), z.int()),
  delivery: z.enum(["view", "temp", "socket"]),
});

class ServerBackend implements ComfyBackend {
  readonly id = backendId;
  readonly server: ComfyServer;
  readonly #disposal = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(server: ComfyServer) {
    this.server = server;
  }

  async capabilities(model?: string, { signal }: Partial<CallOptions> = {}): Promise<Capabilities> {
    this.#refuseDisposed();
    const info = await this.server.objectInfo(signal);
    const request = { task: "text-to-image" as const, ...(model === undefined ? {} : { model }) };
    const architecture = await architectureOf(this.server, request, signal);
    return capabilitiesOf(info, this.server.options, model, architecture);
  }

  generate(request: GenerationRequest, options: CallOptions): AsyncIterable<GenerationEvent> {
    return this.#tracked(options.signal, (signal) => generateOn(this.server, request, signal));
  }

  resume(handle: JobHandle, options: CallOptions): AsyncIterable<GenerationEvent> {
    return this.#tracked(options.signal, (signal) => resumeOn(this.server, handle, signal));
  }

  async run<P extends ParameterSpecs, O extends OutputSpecs>(
    workflow: Workflow<P, O>,
    values: ParameterValues<P>,
    options: RunOptions = {},
  ): Promise<WorkflowResult<O>> {
    this.#refuseDisposed();
    const own = this.#disposal.signal;
    const signal = options.signal === undefined ? own : AbortSignal.any([options.signal, own]);
    const running = runWorkflow(this.server, workflow, values, { ...options, signal });
    const settled = running.then(
      () => {},
      () => {},
    );
    this.#running.add(settled);
    return running.finally(() => this.#running.delete(settled));
  }

  async fetchImage({ url }: UrlPayload, { signal }: CallOptions): Promise<Uint8Array> {
    const { status, body, headers } = await this.server.http.fetch(new URL(url), "GET", { signal });
    if (status === 200) return body;
    const retryAfter = headers["retry-after"];
    throw statusError(
      status,
      body.toString("utf8"),
      "generated image",
      typeof retryAfter === "string" ? retryAfter : undefined,
    );
  }

  async dispose(): Promise<void> {
    this.#disposal.abort(new DisposedError("The backend was disposed.", comfyDetails()));
    await Promise.allSettled(this.#running);
    await this.server.dispose();
  }

  /** Ends with the backend, which waits for the job's own clean-up. */
  async *#tracked(
    signal: AbortSignal,
    start: (signal: AbortSignal) => AsyncGenerator<GenerationEvent>,
  ): AsyncGenerator<GenerationEvent> {
    this.#refuseDisposed();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.add(promise);
    try {
      yield* start(AbortSignal.any([signal, this.#disposal.signal]));
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

/** Goes on with a prompt that an earlier process queued. */
export async function* resumeOn(
  server: ComfyServer,
  { data, request }: JobHandle,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const parsed = HandleSchema.safeParse(data);
  if (!parsed.success)
    throw new NotFoundError("This is no handle of a ComfyUI job.", comfyDetails({ cause: parsed.error }));
  const handle: ComfyHandle = parsed.data;
  if (handle.url !== server.url) {
    throw new NotFoundError(`The job was queued at ${handle.url}, not at ${server.url}.`, comfyDetails());
  }
  const queue = await server.queue();
  if (positionIn(queue, handle.promptId) === undefined && (await server.history(handle.promptId)) === undefined) {
    throw new NotFoundError(
      "The server does not know this job: it was restarted since, or its history was cleared.",
      comfyDetails({ details: { promptId: handle.promptId } }),
    );
  }
  yield { type: "queued", handle: { ...handle } };
  const graph: Graph = Object.fromEntries(
    Object.keys(handle.outputs).map((id) => [
      id,
      { class_type: handle.delivery === "socket" ? "SaveImageWebsocket" : "SaveImage", inputs: {} },
    ]),
  );
  yield* finish(server, { handle, graph: await graphOf(server, handle.promptId, graph), request, reruns: 2 }, signal);
}

/** The graph as the server has it; its ends alone where it does not tell. */
async function graphOf(server: ComfyServer, promptId: string, fallback: Graph): Promise<Graph> {
  const history = await server.history(promptId);
  if (history?.prompt?.[2] !== undefined) return history.prompt[2] as Graph;
  type Entry = [number, string, Graph];
  const queue = await server.http.json<Record<string, Entry[] | undefined>>("GET", "/queue");
  const entries = [...(queue["queue_running"] ?? []), ...(queue["queue_pending"] ?? [])];
  return entries.find(([, id]) => id === promptId)?.[2] ?? fallback;
}
