import {
  type Backend,
  type CallOptions,
  type Capabilities,
  DisposedError,
  GenerationError,
  type GenerationEvent,
  type GenerationRequest,
  type ImagePayload,
  type Issue,
  type JobHandle,
  registerSecret,
  UnsupportedError,
  type UrlPayload,
  version,
} from "@latentkit/core";
import PQueue from "p-queue";
import * as z from "zod";
import { capabilitiesOf, previews } from "./capabilities.ts";
import { Downloads } from "./files/downloads.ts";
import { FileSlot } from "./files/file-slot.ts";
import { Uploads } from "./files/uploads.ts";
import { PollPacer } from "./follow/poll-pacer.ts";
import { GenerationRun, type PictureTask, type RunContext } from "./generation-run.ts";
import { parseHandle, type ReplicateHandle } from "./job-handle.ts";
import { LinkedAbort } from "./linked-abort.ts";
import { familyOf } from "./mapping/families.ts";
import { mapRequest } from "./mapping/map-request.ts";
import { findInput } from "./mapping/mapping.ts";
import { seedFor, seedInput } from "./mapping/seed.ts";
import { inputField } from "./model/check-input.ts";
import type { ResolvedModel } from "./model/resolved-model.ts";
import { backendId } from "./replicate-error.ts";
import { asFile, durationText, parseOptions, parseOwnOptions, type ReplicateOptions } from "./replicate-options.ts";
import { openService, type Service } from "./service.ts";
import { type TrainingHandle, TrainingJob } from "./trainings/training-job.ts";
import type { TrainingOptions } from "./trainings/training-options.ts";
import { resumeTraining, train } from "./trainings/trainings.ts";

/** Runs requests on Replicate, or on a Cog server. Made by {@link replicate}. */
export class ReplicateBackend implements Backend {
  readonly id = backendId;
  readonly #options: ReplicateOptions;
  readonly #service: Service;
  readonly #pacer: PollPacer;
  readonly #slots: PQueue;
  readonly #uploads: Uploads;
  readonly #downloads: Downloads;
  readonly #disposal = new AbortController();
  readonly #running = new Set<Promise<void>>();

  /** @throws ConfigError for wrong options, or without a token where one is needed. */
  constructor(given: ReplicateOptions, env: NodeJS.ProcessEnv = process.env) {
    const options = parseOptions(given);
    const service = openService(options, env);
    this.#options = options;
    this.#service = service;
    this.#pacer = new PollPacer(service.cog ? { minMs: 20, maxMs: 100 } : (options.poll ?? {}), service.callsPerMinute);
    this.#slots = new PQueue({ concurrency: options.maxConcurrent ?? (service.cog ? 1 : Number.POSITIVE_INFINITY) });
    this.#uploads = new Uploads(service.cog ? undefined : service.http, {
      dataUrlBytes: options.dataUrlBytes ?? 256_000,
      maxBytes: options.maxUploadBytes ?? 100 * 2 ** 20,
    });
    this.#downloads = new Downloads(service.http, {
      policy: options.download ?? "before-expiry",
      maxBytes: options.maxOutputBytes ?? 256 * 2 ** 20,
      retry: options.retry ?? {},
      token: service.token,
      timeoutMs: options.timeoutMs ?? 60_000,
    });
  }

  async capabilities(model?: string, options: Partial<CallOptions> = {}): Promise<Capabilities> {
    options.signal?.throwIfAborted();
    return capabilitiesOf(await this.#model(model), this.#service.predictions.resumable);
  }

  async *generate(request: GenerationRequest, { signal, inputs }: CallOptions): AsyncGenerator<GenerationEvent> {
    const model = await this.#model(request.model);
    const own = parseOwnOptions(request.backendOptions[backendId]);
    const issues = this.#service.refused(own);
    if (issues.length > 0)
      throw new UnsupportedError(
        issues.map(({ field, message }) => ({ field: `backendOptions.replicate.${field}`, message })),
        { backend: backendId },
      );
    const files = Object.fromEntries(
      Object.entries(own.input).map(([name, value]) => {
        const field = inputField(name);
        if (!Array.isArray(value)) return [name, toSlot(value, field)];
        return [name, value.map((entry, i) => toSlot(entry, `${field}[${i}]`))];
      }),
    );
    const mapped = mapRequest(request, files, model);
    if (request.count > 1 && mapped.seed !== undefined && mapped.seed.name in own.input)
      throw new UnsupportedError([sameSeed(mapped.seed.name)], { backend: backendId });
    for (const warning of mapped.warnings) yield warning;
    using stop = new LinkedAbort(signal, this.#disposal.signal);
    stop.signal.throwIfAborted();
    const placed = await this.#uploads.place(mapped.input, stop.signal, inputs);
    const handle: ReplicateHandle = {
      predictions: [],
      files: placed.files,
      model: model.identity,
      resolved: { ...mapped.resolved, ...(model.ref === undefined ? {} : { model: model.ref }) },
      previews: previewing(model),
    };
    const settings = {
      wait: own.wait ?? this.#options.wait ?? 0,
      cancelAfter: durationText(own.cancelAfter ?? this.#options.cancelAfter),
      webhook: own.webhook ?? this.#options.webhook,
      webhookEvents: own.webhookEvents ?? this.#options.webhookEvents,
    };
    const { seed: property } = mapped;
    const tasks = Array.from({ length: request.count }, (_, index): PictureTask => {
      const sent = request.seed !== undefined && property !== undefined && !(property.name in own.input);
      const seed = sent ? seedFor(request.seed!, index, property) : undefined;
      const input = seed === undefined ? placed.input : { ...placed.input, [property!.name]: seedInput(seed) };
      // Only a seed tells one prediction of a request from another.
      const recover = seed !== undefined && this.#options.recover !== false;
      const create = { ...settings, recover };
      return {
        index,
        seed,
        creates: true,
        begin: (inner) => this.#service.predictions.create(model, input, create, inner),
      };
    });
    yield* this.#run(request, tasks, handle, stop.signal);
  }

  async *resume(job: JobHandle, { signal }: CallOptions): AsyncGenerator<GenerationEvent> {
    const handle = parseHandle(job.data);
    const { count } = job.request;
    using stop = new LinkedAbort(signal, this.#disposal.signal);
    const tasks = Array.from({ length: count }, (_, index): PictureTask => {
      const known = handle.predictions.find((prediction) => prediction.index === index);
      // It may have been created just before the first process ended: making it again could bill it twice.
      if (known === undefined) return { index, creates: false, begin: () => Promise.reject(neverNoted(index)) };
      return {
        index,
        seed: known.seed,
        creates: false,
        begin: (inner) => this.#service.predictions.get(known.id, inner),
      };
    });
    yield* this.#run(job.request, tasks, handle, stop.signal);
  }

  /** @throws NotFoundError when the output has expired, ImageError when it is no image or too large. */
  fetchImage(image: UrlPayload, { signal }: CallOptions): Promise<Uint8Array> {
    return this.#downloads.fetch(image, this.#untilDisposed(signal));
  }

  /** An output's bytes as they come, for piping to a file or a response without holding it in memory. */
  streamImage(image: UrlPayload, { signal }: CallOptions): AsyncGenerator<Uint8Array> {
    return this.#downloads.stream(image, this.#untilDisposed(signal));
  }

  /**
   * Trains a model (a LoRA, a DreamBooth) on Replicate, from pictures.
   *
   * @example
   * ```ts
   * const { model } = await backend.train({ trainer: "ostris/flux-dev-lora-trainer", destination: "me/tok", images: "photos", triggerWord: "TOK" });
   * await client.generate({ model, prompt: "a photo of TOK" });
   * ```
   */
  train(options: TrainingOptions, { signal }: Partial<CallOptions> = {}): TrainingJob {
    return this.#training((inner) => train(options, this.#trainingContext(), inner), signal);
  }

  /** Goes on with a training whose handle was kept. */
  resumeTraining(handle: TrainingHandle, { signal }: Partial<CallOptions> = {}): TrainingJob {
    return this.#training((inner) => resumeTraining(handle, this.#trainingContext(), inner), signal);
  }

  /** The secret that this account's webhooks are signed with, for `webhookHandler`. */
  async webhookSecret({ signal }: Partial<CallOptions> = {}): Promise<string> {
    const schema = z.looseObject({ key: z.string().min(1) });
    const { key } = await this.#service.http.call({ method: "GET", path: "/webhooks/default/secret", schema, signal });
    registerSecret(key);
    return key;
  }

  async dispose(): Promise<void> {
    this.#disposal.abort(new DisposedError("The Replicate backend was disposed.", { backend: backendId }));
    await Promise.allSettled(this.#running);
    this.#downloads.close();
    await this.#service.close();
  }

  #untilDisposed(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#disposal.signal : AbortSignal.any([signal, this.#disposal.signal]);
  }

  #training(run: ConstructorParameters<typeof TrainingJob>[0], signal: AbortSignal | undefined): TrainingJob {
    const job = new TrainingJob(run, this.#untilDisposed(signal));
    const over = job.then(
      () => {},
      () => {},
    );
    this.#running.add(over);
    over.finally(() => this.#running.delete(over));
    return job;
  }

  #trainingContext() {
    const { http, cog } = this.#service;
    if (cog)
      throw new UnsupportedError([{ field: "trainer", message: "a Cog server does not train" }], {
        backend: backendId,
      });
    const maxUploadBytes = this.#options.maxUploadBytes ?? 100 * 2 ** 20;
    return { http, uploads: this.#uploads, pacer: this.#pacer, maxUploadBytes };
  }

  async #model(named: string | undefined): Promise<ResolvedModel> {
    this.#disposal.signal.throwIfAborted();
    return this.#service.model(named ?? this.#options.model);
  }

  async *#run(
    request: GenerationRequest,
    tasks: readonly PictureTask[],
    handle: ReplicateHandle,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent> {
    const context: RunContext = {
      predictions: this.#service.predictions,
      pacer: this.#pacer,
      slots: this.#slots,
      dispatchers: this.#options.stream === false ? undefined : this.#service.http.dispatchers,
      versions: { "@latentkit/backend-replicate": version },
      signal,
    };
    const run = new GenerationRun(request, tasks, handle, context);
    const over = Promise.withResolvers<void>();
    this.#running.add(over.promise);
    try {
      for await (const event of run.events()) {
        if (event.type === "image") {
          this.#watch(event.image);
          await this.#measure(event.image, { ...request, ...handle.resolved, ...event.resolved }, signal);
        }
        yield event;
      }
    } finally {
      if (run.allEnded) await this.#uploads.remove(handle.files);
      over.resolve();
      this.#running.delete(over.promise);
    }
  }

  /** Tells the size of a picture that no setting says, from its file's head: for the recipe. */
  async #measure(image: ImagePayload, { width, height }: Size, signal: AbortSignal): Promise<void> {
    if (image.kind !== "url" || (width !== undefined && height !== undefined)) return;
    Object.assign(image, await this.#downloads.sizeOf(image, signal));
  }

  #watch(image: ImagePayload): void {
    if (image.kind === "url") this.#downloads.watch(image);
  }
}

interface Size {
  width?: number | undefined;
  height?: number | undefined;
}

/** A file of the escape hatch as a place for it; anything else as it stands. */
function toSlot(value: unknown, field: string): unknown {
  const source = asFile(value);
  return source === undefined ? value : new FileSlot(source, field);
}

function sameSeed(name: string): Issue {
  const message = "would make the same picture each time: use the request's seed, which each picture counts on from";
  return { field: inputField(name), message };
}

function previewing({ schema, owner, name }: ResolvedModel): boolean {
  const family = familyOf(`${owner ?? ""}/${name ?? ""}`.toLowerCase(), schema);
  return previews(schema, (role) => findInput(role, schema, family));
}

function neverNoted(index: number): GenerationError {
  return new GenerationError(
    `Picture ${index} had no prediction yet when the job's handle was kept; it is not created anew, so that nothing is billed twice.`,
    { backend: backendId },
  );
}
