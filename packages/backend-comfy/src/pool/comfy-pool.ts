import {
  type Backend,
  type CallOptions,
  type Capabilities,
  type CapabilitiesOptions,
  ConfigError,
  ConnectionError,
  type GenerationEvent,
  type GenerationRequest,
  type ImagePayload,
  InvalidRequestError,
  type JobHandle,
  LatentKitError,
  NotFoundError,
  type UrlPayload,
} from "@latentkit/core";
import { type ComfyBackend, ServerBackend } from "../comfy-backend.ts";
import { backendId, comfyDetails } from "../comfy-error.ts";
import type { ComfyOptions } from "../comfy-options.ts";
import { abortable } from "../run/abortable.ts";
import { drain } from "../run/drain.ts";
import type { OutputSpecs, Workflow } from "../workflow/define-workflow.ts";
import type { ParameterSpecs, ParameterValues } from "../workflow/parameters.ts";
import type { RunOptions, WorkflowResult } from "../workflow/run-workflow.ts";
import { WorkflowFile } from "../workflow/workflow-file.ts";
import { firstAnswers, PoolMember, type ServerHealth } from "./pool-member.ts";

/** Settings of a pool. */
export interface ComfyPoolOptions extends Omit<ComfyOptions, "url" | "webSocketUrl" | "clientId"> {
  /** Addresses, or whole options where servers differ; what stands beside them holds for all. */
  servers: readonly (string | ComfyOptions)[];
  /**
   * What happens to a job whose server is gone after it took the job. `"rerun"`, the default, runs it on another one,
   * with a warning `job_rerun`, since the first may have run it, too; `"fail"` lets the job fail.
   */
  onLost?: "rerun" | "fail";
  /** How long a server may take to tell its queue before it counts as out of reach. Default 5 s. */
  healthMs?: number;
}

/** A backend over many ComfyUI servers. */
export interface ComfyPool extends Backend, Pick<ComfyBackend, "run" | "resumeRun"> {
  readonly id: "comfy";
  /** Asks every server for its queue. */
  health(): Promise<ServerHealth[]>;
}

/**
 * Runs each job on the server that is reachable, has the model, has it loaded if that costs no waiting, and has the
 * least to do.
 *
 * @throws ConfigError when there is no server, two are the same, or an option is wrong.
 */
export function comfyPool({ servers, onLost = "rerun", healthMs = 5_000, ...shared }: ComfyPoolOptions): ComfyPool {
  if (!Array.isArray(servers) || servers.length === 0) throw wrong("servers: give at least one address");
  if (onLost !== "rerun" && onLost !== "fail") throw wrong('onLost: must be "rerun" or "fail"');
  if (!(typeof healthMs === "number" && healthMs > 0)) throw wrong("healthMs: must be a number above 0");
  const members = servers.map((server) => {
    const own = typeof server === "string" ? { url: server } : server;
    return new PoolMember(new ServerBackend({ ...shared, ...own }), healthMs);
  });
  const urls = members.map(({ url }) => url);
  const twice = urls.find((url, i) => urls.indexOf(url) !== i);
  if (twice !== undefined) throw wrong(`servers: ${twice} is named twice`);
  return new PoolBackend(members, onLost);
}

function wrong(message: string): ConfigError {
  return new ConfigError(`comfyPool: ${message}`, comfyDetails());
}

class PoolBackend implements ComfyPool {
  readonly id = backendId;
  readonly modelsAreNames = true;
  readonly #members: readonly PoolMember[];
  readonly #onLost: "rerun" | "fail";
  /** Pictures that lie on a lost server, and what another one made in their place. */
  readonly #remade = new WeakMap<UrlPayload, UrlPayload>();
  /** Pictures' bytes, brought before their server can die. */
  readonly #kept = new WeakMap<UrlPayload, Uint8Array>();

  constructor(members: readonly PoolMember[], onLost: "rerun" | "fail") {
    this.#members = members;
    this.#onLost = onLost;
  }

  health(): Promise<ServerHealth[]> {
    return Promise.all(this.#members.map((member) => member.look()));
  }

  /** Those of the first server that has the model. */
  async capabilities(model?: string, options?: CapabilitiesOptions): Promise<Capabilities> {
    let refusal: unknown;
    for (const member of this.#ranked(await abortable(firstAnswers(this.#members), options?.signal))) {
      try {
        return await member.backend.capabilities(model, options);
      } catch (error) {
        options?.signal?.throwIfAborted();
        refusal ??= error;
        if (!InvalidRequestError.isInstance(error)) member.fail();
      }
    }
    throw refusal ?? this.#nobody();
  }

  async *generate(request: GenerationRequest, options: CallOptions): AsyncGenerator<GenerationEvent> {
    yield* this.#somewhere(request.model, options.signal, (backend) => backend.generate(request, options));
  }

  async run<P extends ParameterSpecs, O extends OutputSpecs>(
    workflow: Workflow<P, O>,
    values: ParameterValues<P>,
    { onEvent = () => {}, ...options }: RunOptions = {},
  ): Promise<WorkflowResult<O>> {
    const { signal = new AbortController().signal } = options;
    const start = (backend: ServerBackend) => backend.runEvents(workflow, values, options);
    const result = await drain(this.#somewhere(undefined, signal, start), onEvent);
    // A file that cannot be brought now may be later: whoever asks for it is told.
    await Promise.allSettled(
      Object.values(result.outputs)
        .flat()
        .map((file) => isFile(file) && file.bytes()),
    );
    return result;
  }

  async resumeRun<O extends OutputSpecs>(
    workflow: Workflow<ParameterSpecs, O>,
    handle: Record<string, unknown>,
    options?: RunOptions,
  ): Promise<WorkflowResult<O>> {
    return this.#owner(handle["url"]).resumeRun(workflow, handle, options);
  }

  /** Runs on the best server, and on the next where that one refuses, cannot be reached, or is lost. */
  async *#somewhere<T>(
    model: string | undefined,
    signal: AbortSignal,
    start: (backend: ServerBackend) => AsyncGenerator<GenerationEvent, T>,
  ): AsyncGenerator<GenerationEvent, T> {
    const tried = new Set<PoolMember>();
    const run = new PoolRun(model, this.#remade, this.#kept, signal);
    let failure: unknown;
    while (true) {
      const answers = await abortable(firstAnswers(this.#members), signal);
      // Between choosing and counting nothing may be awaited: jobs that start together would all choose alike.
      const member = this.#ranked(answers, model).find((candidate) => !tried.has(candidate));
      if (member === undefined) throw failure ?? this.#nobody();
      tried.add(member);
      run.begin(member);
      try {
        return yield* run.passAll(start(member.backend));
      } catch (error) {
        if (signal.aborted) throw error;
        const next = this.#judge(error, run.isQueued);
        if (next === "fail") throw error;
        if (next !== "refused") member.fail();
        failure ??= error;
        if (next === "rerun") yield rerunWarning(member, error);
      } finally {
        run.end(member);
      }
    }
  }

  async *resume(handle: JobHandle, options: CallOptions): AsyncGenerator<GenerationEvent> {
    yield* this.#owner(handle.data["url"]).resume!(handle, options);
  }

  async fetchImage(given: UrlPayload, options: CallOptions): Promise<Uint8Array> {
    let image = given;
    for (let next = this.#remade.get(image); next !== undefined; next = this.#remade.get(image)) image = next;
    const kept = this.#kept.get(image);
    if (kept !== undefined) return kept;
    return this.#owner(image.url).fetchImage!(image, options);
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#members.map(({ backend }) => backend.dispose()));
  }

  /** What a job's error means for it: the next server, the next with a warning, or the end. */
  #judge(error: unknown, isQueued: boolean): "refused" | "next" | "rerun" | "fail" {
    if (!LatentKitError.isInstance(error)) return "fail";
    // A workflow's node that a server does not have is an error of configuration.
    const isRefused = InvalidRequestError.isInstance(error) || ConfigError.isInstance(error);
    if (isRefused && !isQueued) return "refused";
    const mayRun = isQueued || error.details["sent"] === true;
    if (!mayRun) return error.code === "connection" || error.code === "timeout" ? "next" : "fail";
    const isGone = typeof error.details["reason"] === "string" || error.details["sent"] === true;
    return isGone && this.#onLost === "rerun" ? "rerun" : "fail";
  }

  /** Reachable servers, best first. One that has the model loaded may have one job more before it. */
  #ranked(answers: readonly (ServerHealth | undefined)[], model?: string): PoolMember[] {
    const loads = this.#members.flatMap((member, i) => {
      const { reachable, jobs = 0 } = answers[i] ?? { reachable: false };
      if (!reachable) return [];
      const isWarm = member.warmModel !== undefined && member.warmModel === (model ?? member.warmModel);
      return [{ member, load: Math.max(jobs, member.assigned) - (isWarm ? 1.5 : 0) }];
    });
    return loads.sort((a, b) => a.load - b.load).map(({ member }) => member);
  }

  #owner(url: unknown): ComfyBackend {
    const owner = this.#members.find(
      (member) => typeof url === "string" && (url === member.url || url.startsWith(`${member.url}/`)),
    );
    if (owner === undefined) throw new NotFoundError(`No server of this pool is at ${String(url)}.`, comfyDetails());
    return owner.backend;
  }

  #nobody(): ConnectionError {
    const urls = this.#members.map(({ url }) => url).join(", ");
    return new ConnectionError(`None of the pool's servers can be reached: ${urls}.`, comfyDetails());
  }
}

/**
 * One request's way over one server or several. A picture whose bytes came already is not passed on twice; one that
 * lies on the server that was lost is, since the next server's takes its place.
 */
class PoolRun {
  isQueued = false;
  readonly #model: string | undefined;
  readonly #remade: WeakMap<UrlPayload, UrlPayload>;
  /** The pictures that were passed on, and which server has them; none for those whose bytes came. */
  readonly #pictures = new Map<number, { image: ImagePayload; holder: PoolMember | undefined }>();
  readonly #kept: WeakMap<UrlPayload, Uint8Array>;
  readonly #signal: AbortSignal;
  #member: PoolMember | undefined;

  constructor(
    model: string | undefined,
    remade: WeakMap<UrlPayload, UrlPayload>,
    kept: WeakMap<UrlPayload, Uint8Array>,
    signal: AbortSignal,
  ) {
    this.#model = model;
    this.#remade = remade;
    this.#kept = kept;
    this.#signal = signal;
  }

  begin(member: PoolMember): void {
    member.assigned++;
    this.#member = member;
    this.isQueued = false;
  }

  end(member: PoolMember): void {
    member.assigned--;
  }

  /** Passes a stream of events on. @returns its last word. */
  async *passAll<T>(events: AsyncGenerator<GenerationEvent, T>): AsyncGenerator<GenerationEvent, T> {
    try {
      let next = await events.next();
      for (; next.done !== true; next = await events.next()) yield* this.#pass(next.value);
      return next.value;
    } finally {
      await events.return(undefined as never);
    }
  }

  async *#pass(event: GenerationEvent): AsyncGenerator<GenerationEvent> {
    if (event.type === "queued") {
      this.isQueued = true;
      this.#member!.warmModel = this.#model;
    }
    if (event.type === "image") {
      const { index, image } = event;
      const holder = image.kind === "url" ? this.#member : undefined;
      const before = this.#pictures.get(index);
      if (before !== undefined && [undefined, holder].includes(before.holder)) return;
      // Whoever holds the first one still can then fetch it, too.
      if (before?.image.kind === "url" && image.kind === "url") this.#remade.set(before.image, image);
      this.#pictures.set(index, { image, holder });
      if (image.kind === "url") await this.#keep(image);
    }
    yield event;
  }

  /** Brings a picture's bytes; one that cannot be brought is passed on as it lies. */
  async #keep(image: UrlPayload): Promise<void> {
    const { backend } = this.#member!;
    const bytes = await backend.fetchImage(image, { signal: this.#signal }).catch(() => undefined);
    if (bytes !== undefined) this.#kept.set(image, bytes);
  }
}

function isFile(value: unknown): value is WorkflowFile {
  return value instanceof WorkflowFile;
}

function rerunWarning({ url }: PoolMember, error: unknown): GenerationEvent {
  const why = error instanceof Error ? error.message : String(error);
  return {
    type: "warning",
    code: "job_rerun",
    message: `${url} took the job and was lost (${why}): it is run again on another server, and may have been run twice.`,
  };
}
