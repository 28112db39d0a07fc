import type { Backend, JobHandle } from "../backend.ts";
import { AbortedError } from "../errors/aborted-error.ts";
import { GenerationError } from "../errors/generation-error.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import { TimeoutError } from "../errors/timeout-error.ts";
import type { ControlEvent, GenerationEvent, ImageEvent, PreviewEvent, WarningEvent } from "../events.ts";
import { probeImage } from "../image/codec.ts";
import { GeneratedImage } from "../image/generated-image.ts";
import { maxOutputPixels } from "../image/input-limits.ts";
import type { ImagePayload } from "../image-payload.ts";
import { GeneratedLatent } from "../latent/latent.ts";
import { withSize } from "../recipe/observed-size.ts";
import { markOwn } from "../recipe/own-recipes.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { withoutBytes } from "../recipe/recipe-inputs.ts";
import type { GenerationRequest } from "../request/request.ts";
import { seedOfImage } from "../request/seed.ts";
import type { GenerationResult, ImageFailure, Timings } from "../result.ts";
import { version } from "../version.ts";
import { type JobEvent, showImage } from "./shown-image.ts";

/** How long a backend may take to stop its work after an abort before the job ends without it. */
const abortGraceMs = 10_000;

/** Phases that a backend may not have. */
const noTimings = { loadMs: 0, uploadMs: 0, encodeMs: 0, sampleMs: 0, decodeMs: 0, downloadMs: 0 };

/** The longest time that a timer takes. */
const maxTimeoutMs = 2 ** 31 - 1;

/** What is to be run, decided only when the job has begun: validation's errors are the job's errors. */
export interface Prepared {
  request: GenerationRequest;
  warnings: readonly WarningEvent[];
  /** `revise` is told the request anew where something of it was left out after all. */
  source: (signal: AbortSignal, revise: (request: GenerationRequest) => void) => AsyncIterable<GenerationEvent>;
}

/** Settings of one run. */
export interface RunOptions {
  backend: Backend;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  timeoutFrom?: "call" | "started" | undefined;
  prepare: (signal: AbortSignal) => Promise<Prepared>;
}

/** One pass over a backend's events: gathers images, recipe, warnings and timings, and ends on abort whatever happens. */
export class JobRun {
  readonly images: GeneratedImage[] = [];
  handle: JobHandle | undefined;
  readonly #options: RunOptions;
  readonly #controller = new AbortController();
  readonly #warnings: WarningEvent[] = [];
  readonly #failures: ImageFailure[] = [];
  readonly #startedAt = performance.now();
  #timings: Partial<Timings> = {};
  #workFrom: number | undefined;
  #onBegin = () => {};
  #metrics: Record<string, unknown> = {};
  #recipe: Recipe | undefined;
  /** The request as it was sent: with the bytes of its inputs. */
  #request: GenerationRequest | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  get aborted(): boolean {
    return AbortedError.isInstance(this.#controller.signal.reason);
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  async *events(): AsyncGenerator<JobEvent> {
    const { signal } = this.#controller;
    let release = () => {};
    try {
      release = this.#linkSignals();
      signal.throwIfAborted();
      const { request, warnings, source } = await untilAborted(this.#options.prepare(signal), signal);
      signal.throwIfAborted();
      this.#recipe = {
        latentkit: "recipe",
        version: 1,
        backend: this.#options.backend.id,
        request: withoutBytes(request),
        versions: { "@latentkit/core": version },
      };
      this.#request = request;
      const revise = (revised: GenerationRequest) => {
        this.#request = revised;
        this.#recipe!.request = withoutBytes(revised);
      };
      for (const warning of warnings) yield await this.#note(warning);
      let completed = false;
      for await (const event of abortable(source(signal, revise), signal)) {
        completed ||= event.type === "completed";
        yield await this.#note(event);
      }
      signal.throwIfAborted();
      if (!completed)
        throw new GenerationError("The backend ended without completing the job.", {
          backend: this.#options.backend.id,
        });
    } catch (error) {
      throw this.#withImages(signal.aborted ? signal.reason : error);
    } finally {
      release();
    }
  }

  result(): GenerationResult {
    return {
      images: this.images,
      failures: this.#failures,
      recipe: markOwn(withSize(withoutPreviews(this.#recipe!), this.images[0]?.knownSize)),
      timings: this.#timed(),
      warnings: this.#warnings,
      metrics: this.#metrics,
    };
  }

  /** The backend has begun to work. */
  #begin(): void {
    this.#workFrom ??= performance.now();
    this.#onBegin();
  }

  /** The same keys from every backend; what one does not measure is 0, and what it measures besides is kept. */
  #timed(): Timings {
    const now = performance.now();
    const queueMs = (this.#workFrom ?? now) - this.#startedAt;
    return { ...noTimings, queueMs, ...this.#timings, totalMs: now - this.#startedAt };
  }

  /** Takes an event to heart. @returns it as readers see it. */
  async #note(event: GenerationEvent): Promise<JobEvent> {
    if ((event.type === "queued" || event.type === "started") && event.handle !== undefined) {
      this.handle = {
        latentkit: "handle",
        backend: this.#options.backend.id,
        // With its inputs' bytes: what the client does to the pictures is done after a crash as well.
        request: this.#request!,
        data: event.handle,
      };
    }
    if (event.type === "started") {
      this.#begin();
      if (event.backend !== undefined) this.#recipe!.backend = event.backend;
      this.#resolve(event.resolved, event.model, event.versions);
      if (event.device !== undefined) this.#recipe!.device = event.device;
    }
    if (event.type === "warning") this.#noteWarning(event);
    if (event.type === "image") {
      const made = this.#noteImage(event, await sizeOf(event.image));
      return { ...event, image: showImage(event.image, made) };
    }
    if (event.type === "preview") return { ...event, image: showImage(event.image, this.#imageOf(event, undefined)) };
    if (event.type === "control") return { ...event, image: showImage(event.image, this.#imageOf(event, undefined)) };
    if (event.type === "completed") {
      this.#resolve(event.resolved);
      this.#timings = event.timings ?? {};
      this.#metrics = event.metrics ?? {};
    }
    return event;
  }

  #resolve(resolved?: Partial<GenerationRequest>, model?: Recipe["model"], versions?: Record<string, string>): void {
    const recipe = this.#recipe!;
    recipe.request = { ...recipe.request, ...resolved } as GenerationRequest;
    if (model !== undefined) recipe.model = model;
    recipe.versions = { ...recipe.versions, ...versions };
  }

  #noteWarning(event: WarningEvent): void {
    this.#warnings.push(event);
    if (event.code !== "image_failed" || event.index === undefined || event.error === undefined) return;
    this.#failures.push({
      index: event.index,
      error: event.error,
      ...(event.seed === undefined ? {} : { seed: event.seed }),
    });
  }

  #noteImage(event: ImageEvent, size: Size | undefined): GeneratedImage {
    const made = this.#imageOf(event, size);
    const known = this.images.findIndex((other) => other.index === event.index);
    if (known >= 0) this.images[known] = made;
    else this.images.push(made);
    this.images.sort((a, b) => a.index - b.index);
    return made;
  }

  /** A picture with its own recipe; a preview's is that of the picture that it is to become. */
  #imageOf(event: ImageEvent | PreviewEvent | ControlEvent, size: Size | undefined): GeneratedImage {
    const { image } = event;
    const index = event.type === "control" ? 0 : event.index;
    const { seed: ownSeed, resolved, latent } = event.type === "image" ? event : {};
    const recipe = this.#recipe!;
    const seed = ownSeed ?? (recipe.request.seed === undefined ? undefined : seedOfImage(recipe.request.seed, index));
    const seeded = seed === undefined ? {} : { seed };
    const request = { ...recipe.request, ...resolved, count: 1, previewEvery: 0, ...seeded } as GenerationRequest;
    const own = { ...seeded, ...(latent === undefined ? {} : { latent: new GeneratedLatent(latent) }) };
    const whole = markOwn(withSize({ ...recipe, request }, size));
    const fields = { index, recipe: whole, payload: image, backend: this.#options.backend };
    return new GeneratedImage({ ...fields, ...own });
  }

  /** Nothing is lost: an error carries the pictures that were made before it, and says where it comes from. */
  #withImages(error: unknown): unknown {
    const { backend } = this.#options;
    const known = LatentKitError.isInstance(error)
      ? error
      : new GenerationError(
          `Backend "${backend.id}" failed: ${error instanceof Error ? error.message : String(error)}`,
          { cause: error, backend: backend.id },
        );
    if (known.backend === undefined) Object.defineProperty(known, "backend", { value: backend.id, enumerable: true });
    Object.defineProperty(known, "images", { value: [...this.images], enumerable: false, configurable: true });
    return known;
  }

  #linkSignals(): () => void {
    const { signal, timeoutMs, timeoutFrom = "call" } = this.#options;
    checkRunOptions(signal, timeoutMs, timeoutFrom);
    const onAbort = () => this.abort(abortReason(signal?.reason));
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    let timer: NodeJS.Timeout | undefined;
    const startTimer = () => {
      if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY) return;
      const message = `The generation took longer than timeoutMs (${timeoutMs} ms).`;
      timer ??= setTimeout(() => this.abort(new TimeoutError(message)), timeoutMs);
    };
    if (timeoutFrom === "call") startTimer();
    else this.#onBegin = startTimer;
    return () => {
      signal?.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    };
  }
}

interface Size {
  width: number;
  height: number;
}

/** The size of a picture, where it is told or at hand. */
async function sizeOf(image: ImagePayload): Promise<Size | undefined> {
  if (image.kind === "encoded")
    return probeImage(Buffer.from(image.base64, "base64"), "generated image", maxOutputPixels).catch(() => undefined);
  const { width, height } = image;
  return width === undefined || height === undefined ? undefined : { width, height };
}

/** Who watched is no part of how a picture was made: another backend may have no previews at all. */
function withoutPreviews(recipe: Recipe): Recipe {
  return { ...recipe, request: { ...recipe.request, previewEvery: 0 } };
}

/** @throws InvalidRequestError for a signal or a time limit that is none. */
function checkRunOptions(signal: unknown, timeoutMs: unknown, timeoutFrom: unknown): void {
  if (timeoutFrom !== "call" && timeoutFrom !== "started")
    throw new InvalidRequestError([{ field: "timeoutFrom", message: 'must be "call" or "started"' }]);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InvalidRequestError([{ field: "signal", message: "must be an AbortSignal" }]);
  if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY) return;
  if (typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= maxTimeoutMs) return;
  const message = `must be above 0 and at most ${maxTimeoutMs} milliseconds, or Infinity for no limit`;
  throw new InvalidRequestError([{ field: "timeoutMs", message, allowed: { min: 1, max: maxTimeoutMs } }]);
}

/** AbortSignal.timeout() aborts with a TimeoutError of the platform's. */
function abortReason(reason: unknown): unknown {
  if (LatentKitError.isInstance(reason)) return reason;
  const isTimeout = reason instanceof Error && reason.name === "TimeoutError";
  return isTimeout
    ? new TimeoutError("The time limit of the signal was reached.", { cause: reason })
    : new AbortedError(undefined, { cause: reason });
}

/** Waits for work, but no longer than until the signal aborts. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Passes items on until the signal aborts; the source then has a grace period to stop its own work. */
async function* abortable<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  const { promise: expired, resolve } = Promise.withResolvers<"expired">();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(resolve, abortGraceMs, "expired");
  };
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    while (true) {
      const next = iterator.next();
      const outcome = await Promise.race([next, expired]);
      if (outcome === "expired") {
        next.catch(() => {});
        return;
      }
      if (outcome.done === true) return;
      yield outcome.value;
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    iterator.return?.()?.catch(() => {});
  }
}
