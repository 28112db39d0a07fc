import type { Backend, CapabilitiesOptions, JobHandle } from "./backend.ts";
import { Batch, type BatchInput, type BatchOptions } from "./batch/batch.ts";
import { type BestOf, type BestOfOptions, bestOf } from "./batch/best-of.ts";
import type { Capabilities } from "./capabilities.ts";
import { checkCapabilities } from "./check-capabilities.ts";
import { type Dropped, dropUnsupported } from "./drop-unsupported.ts";
import { judgedBy, withOutpaint } from "./edit/edit.ts";
import { BusyError } from "./errors/busy-error.ts";
import { ConfigError } from "./errors/config-error.ts";
import { DisposedError } from "./errors/disposed-error.ts";
import { InvalidRequestError } from "./errors/invalid-request-error.ts";
import { NotFoundError } from "./errors/not-found-error.ts";
import { RecipeError } from "./errors/recipe-error.ts";
import { UnsupportedError } from "./errors/unsupported-error.ts";
import type { WarningEvent } from "./events.ts";
import { type Explanation, explain } from "./explain/explain.ts";
import { entryOf, type History, memoryHistory } from "./explain/history.ts";
import { checkPictures } from "./image/check-pictures.ts";
import { fingerprintImages } from "./image/fingerprint-images.ts";
import type { GeneratedImage } from "./image/generated-image.ts";
import { type CallInputs, checkInputRules, type InputRules } from "./image/input-rules.ts";
import { namingInput } from "./image/name-input.ts";
import { readInputObjects } from "./image/read-input-objects.ts";
import { atOnce, fairStart } from "./job/fair-start.ts";
import { Job } from "./job/job.ts";
import { JobRun, type Prepared } from "./job/job-run.ts";
import { checkNode } from "./node-floor.ts";
import { differingInputs, type RecipeInputs, withNamedInputs } from "./recipe/named-inputs.ts";
import { askedOf } from "./recipe/observed-size.ts";
import { isRecipe, parseRecipe, type Recipe } from "./recipe/recipe.ts";
import { type InputFile, withInputs } from "./recipe/recipe-inputs.ts";
import { checkTrust, type RecipeTrust, untrustedError, untrustedTouches } from "./recipe/recipe-trust.ts";
import { canonicalNames, knownVariant } from "./request/canonical-names.ts";
import type { GenerationInput, TaskInputs, UntitledInput } from "./request/input-types.ts";
import { withOwnScale } from "./request/own-scale.ts";
import { parseRequest } from "./request/parse-request.ts";
import type { GenerationRequest, Task } from "./request/request.ts";
import { checkBounds } from "./request/request-bounds.ts";
import { randomSeed } from "./request/seed.ts";
import { runRequest } from "./run-request.ts";
import { finalRequest, isDraft } from "./stages/draft.ts";
import { hasStages } from "./stages/refine.ts";
import { Sweep, type SweepInput, type SweepOptions } from "./sweep/sweep.ts";

/** What to do with a field that the backend cannot honour: refuse, or leave it out and warn. */
export type OnUnsupported = "error" | "warn";

/** Settings of a client. */
export interface ClientOptions {
  backend: Backend;
  /** Fields for each request that does not set them itself. */
  defaults?: Partial<GenerationInput> | undefined;
  /** Default `"error"`. */
  onUnsupported?: OnUnsupported | undefined;
  /** Longest time for a generation, in milliseconds. Default: none. */
  timeoutMs?: number | undefined;
  /** Input pictures of more pixels are refused by their header, before they are decoded. Default 64 million. */
  maxInputPixels?: number | undefined;
  /** More unfinished jobs at once are refused with a BusyError, before any work. Default 1000. */
  maxJobs?: number | undefined;
  /** Longer prompts are refused, in characters. Default 32 768. */
  maxPromptLength?: number | undefined;
  /** Where the inputs of requests may come from, how large they may be and how long they may take. */
  inputs?: InputRules | undefined;
  /** What recipes from outside (from a file, from JSON) may reach. Default: nothing but their own words. */
  trust?: RecipeTrust | undefined;
  /** Where it is kept how long jobs took, for the estimates of `explain`. Default: in memory, for this process. */
  history?: History | undefined;
  /** When `timeoutMs` begins to count: with the call (default), or once the backend has begun to work, without the wait in its queue. */
  timeoutFrom?: "call" | "started" | undefined;
}

/** Settings of one call. */
export interface GenerateOptions {
  /** Aborting it cancels the job, as `job.cancel()` does. */
  signal?: AbortSignal | undefined;
  /** Longest time, in milliseconds: above 0 and at most 2^31 − 1, or Infinity. */
  timeoutMs?: number | undefined;
  /** When `timeoutMs` begins to count: `"call"`, or `"started"`, which leaves out the wait in the queue. Default: the client's. */
  timeoutFrom?: "call" | "started" | undefined;
  onUnsupported?: OnUnsupported | undefined;
  /** What this recipe, which comes from outside, may reach; goes before the client's. */
  trust?: RecipeTrust | undefined;
  /**
   * A recipe's files. By name: in the place of those at these fields (`"image"`, `"mask"`, `"conditioning[0].image"`) or of these file
   * names. As a list, in any order: those that the recipe tells only by their hash, being inputs that were given as bytes when its picture
   * was made; each takes the place of the input that has its SHA-256.
   */
  inputs?: readonly InputFile[] | RecipeInputs | undefined;
}

/** A request that names its task, one that names none, or a recipe. Where the task is known, an error is about that task's fields alone. */
export type GenerateInput<T extends Task = Task> = ({ task: T } & TaskInputs[T]) | UntitledInput | RecipeRequest;

/** A recipe as a request: it has none of a request's own fields, by which an editor tells which of both is being written. */
export interface RecipeRequest extends Recipe {
  task?: undefined;
  prompt?: undefined;
}

/** One typed request, any backend, one stream of events. */
export interface Client {
  readonly backend: Backend;
  /** Starts a generation from a request or from a recipe. Never throws: errors are the job's. */
  generate<T extends Task = never>(input: GenerateInput<T>, options?: GenerateOptions): Job;
  /** Goes on with a job whose handle was kept, after a crash or in another process. */
  resume(handle: JobHandle, options?: GenerateOptions): Job;
  /**
   * The picture that a draft stands for: one that a request with `draft` made, or its recipe. Of a smaller draft a second pass is made,
   * which moves by `strength` (0.6) from it.
   */
  final(draft: GeneratedImage | Recipe, options?: GenerateOptions & { strength?: number | undefined }): Job;
  /** What the backend can do with a model, or with its default one. */
  capabilities(model?: string, options?: CapabilitiesOptions): Promise<Capabilities>;
  /**
   * Many requests, with a manifest that says what is done, so that a batch that was stopped goes on where it was. It begins when it is
   * iterated or awaited.
   */
  batch(requests: Iterable<BatchInput> | AsyncIterable<BatchInput>, options?: BatchOptions): Batch;
  /**
   * Every combination of the values of the fields that are given as lists, such as `{ prompt: "a fox", seed: 7, steps: [5, 20] }`, with a
   * contact sheet. It begins when it is iterated or awaited.
   */
  sweep(input: SweepInput, options?: SweepOptions): Sweep;
  /**
   * What would become of a request, without doing any of it: which backends can serve it and why others can't, what would be left out or
   * put in other words, and about how long it takes and what it costs.
   *
   * @throws InvalidRequestError for a request that no backend could be given; RecipeError for a recipe from outside that names what it may
   * not reach.
   */
  explain(input: GenerationInput | Recipe, options?: Pick<GenerateOptions, "signal" | "trust">): Promise<Explanation>;
  /** Draws a request several times, and finds the picture that a function scores highest. */
  bestOf(input: GenerationInput, options: BestOfOptions): Promise<BestOf>;
  /** How it reads input files: for what reads one before it is put into a request, by {@link loadImageSource} or {@link decodeImage}. */
  readonly inputs?: Readonly<CallInputs> | undefined;
  /** Cancels what runs and frees the backend. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A client over one backend.
 *
 * @example
 * ```ts
 * const client = createClient({ backend: local() });
 * const { images } = await client.generate({ prompt: "a red apple", seed: 7 });
 * await images[0]?.save("apple.png");
 * ```
 * @throws ConfigError when `backend` is not one.
 */
export function createClient(options: ClientOptions): Client {
  checkNode();
  return new BackendClient(options);
}

/** So many jobs may be unfinished at once: each holds its inputs. */
const defaultMaxJobs = 1000;
/** How long jobs of this process took. */
const processHistory = memoryHistory();

class BackendClient implements Client {
  readonly backend: Backend;
  readonly #options: ClientOptions;
  readonly #inputs: CallInputs;
  readonly #jobs = new Set<Job>();
  readonly #history: History;
  #disposed = false;

  constructor(options: ClientOptions) {
    if (typeof options?.backend?.generate !== "function") {
      throw new ConfigError('backend: must be a backend, such as local() from "@latentkit/backend-local"');
    }
    const { backend, onUnsupported = "error" } = options;
    if (onUnsupported !== "error" && onUnsupported !== "warn")
      throw new ConfigError('onUnsupported: must be "error" or "warn"');
    checkTrust(options.trust);
    const { maxPromptLength = 1, maxJobs = 1 } = options;
    if (typeof maxJobs !== "number" || !(maxJobs >= 1))
      throw new ConfigError("maxJobs: must be a number of jobs from 1");
    if (typeof maxPromptLength !== "number" || !(maxPromptLength > 0))
      throw new ConfigError("maxPromptLength: must be a number of characters above 0");
    this.backend = backend;
    this.#history = options.history ?? processHistory;
    this.#inputs = checkInputRules(options.inputs, options.maxInputPixels);
    this.#options = options;
  }

  /** A copy: nobody who reads the rules can loosen them. */
  get inputs(): Readonly<CallInputs> {
    return structuredClone(this.#inputs);
  }

  generate(input: GenerationInput | Recipe, options?: GenerateOptions): Job {
    return this.#start(options ?? {}, (signal) => this.#prepare(input, options ?? {}, signal));
  }

  resume(handle: JobHandle, options?: GenerateOptions): Job {
    return this.#start(options ?? {}, async () => {
      const { backend } = this;
      if (handle?.latentkit !== "handle") throw new NotFoundError("This is not a LatentKit job handle.");
      if (handle.backend !== backend.id)
        throw new NotFoundError(`This handle belongs to backend "${handle.backend}", not to "${backend.id}".`);
      const { resume } = backend;
      if (resume === undefined)
        throw new UnsupportedError([{ field: "handle", message: "jobs cannot be resumed here" }], {
          backend: backend.id,
        });
      const request = parseRequest(handle.request, this.#options);
      return { request, warnings: [], source: (signal) => this.#resume(resume, { ...handle, request }, signal) };
    });
  }

  final(draft: GeneratedImage | Recipe, options: GenerateOptions & { strength?: number | undefined } = {}): Job {
    const { strength, ...rest } = options;
    return this.#start(rest, async (signal) => {
      const recipe = isRecipe(draft) ? draft : draft.recipe;
      if (recipe === undefined) throw new RecipeError("This picture has no recipe, and so no draft to go on from.");
      const request = finalRequest(parseRecipe(recipe, this.#options), strength);
      return this.#prepare({ ...recipe, request } as Recipe, rest, signal);
    });
  }

  async capabilities(model?: string, options?: CapabilitiesOptions): Promise<Capabilities> {
    return withOutpaint(await this.backend.capabilities(model, options));
  }

  batch(requests: Iterable<BatchInput> | AsyncIterable<BatchInput>, options?: BatchOptions): Batch {
    return new Batch(this, requests, options);
  }

  sweep(input: SweepInput, options?: SweepOptions): Sweep {
    return new Sweep(this, input, options);
  }

  async explain(
    input: GenerationInput | Recipe,
    { signal, trust = this.#options.trust }: Pick<GenerateOptions, "signal" | "trust"> = {},
  ): Promise<Explanation> {
    checkTrust(trust);
    const recipe = isRecipe(input) ? parseRecipe(input, this.#options) : undefined;
    if (recipe !== undefined) {
      // A model is looked at: whether there is one of a name is nobody else's to know.
      const touches = await untrustedTouches(input as Recipe, this.backend, trust, { request: recipe.request });
      const left = touches.filter(({ kind }) => kind === "model");
      if (left.length > 0) throw untrustedError(left);
    }
    const given = recipe ? { ...recipe.request } : withDefaults(input, this.#options.defaults);
    const request = recipe ? recipe.request : parseRequest(await readInputObjects(given), this.#options);
    return explain(this.backend, request, (recipe?.request ?? given) as unknown as Record<string, unknown>, {
      history: this.#history,
      signal,
    });
  }

  bestOf(input: GenerationInput, options: BestOfOptions): Promise<BestOf> {
    return bestOf(this, input, options);
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const job of this.#jobs) job.cancel("The client was disposed.");
    await Promise.allSettled([...this.#jobs]);
    await this.backend.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #start(
    { signal, timeoutMs = this.#options.timeoutMs, timeoutFrom = this.#options.timeoutFrom }: GenerateOptions,
    prepare: (signal: AbortSignal) => Promise<Prepared>,
  ): Job {
    const { maxJobs = defaultMaxJobs } = this.#options;
    const isTooMany = this.#jobs.size >= maxJobs;
    const guarded = async (jobSignal: AbortSignal) => {
      if (this.#disposed) throw new DisposedError("The client was disposed; make a new one.");
      if (isTooMany)
        throw new BusyError(
          `${maxJobs} jobs are unfinished already (the client's maxJobs): try again when some have ended.`,
        );
      // One after the other, or a few, never wait.
      const turn = () => (this.#jobs.size > atOnce ? fairStart() : undefined);
      await turn();
      const prepared = await prepare(jobSignal);
      // Many may have waited for the same answer.
      await turn();
      return prepared;
    };
    const job = new Job(new JobRun({ backend: this.backend, signal, timeoutMs, timeoutFrom, prepare: guarded }));
    if (!isTooMany) this.#jobs.add(job);
    const forget = () => void this.#jobs.delete(job);
    job.then((result) => {
      forget();
      const entry = entryOf(result);
      if (entry !== undefined) void this.#history.record(entry);
    }, forget);
    return job;
  }

  /** What the client does itself around a job is done around the rest of it as well. */
  async *#resume(resume: NonNullable<Backend["resume"]>, handle: JobHandle, signal: AbortSignal) {
    const { backend } = this;
    const inputs = this.#inputs;
    const { request } = handle;
    const edits = request.task === "inpaint" || request.task === "outpaint";
    if (!edits && !isDraft(request) && !hasStages(request))
      return yield* resume.call(backend, handle, { signal, inputs });
    const capabilities = await backend.capabilities(request.model, { signal });
    // What has begun is its first request; the stages after that are run anew.
    yield* runRequest(request, {
      backend,
      capabilities,
      drops: false,
      signal,
      inputs,
      revise: () => {},
      begun: (first) => resume.call(backend, { ...handle, request: first }, { signal, inputs }),
    });
  }

  /** What a backend remembers may be out of date: it is asked anew before anything is refused. */
  async #judge(parsed: GenerationRequest, written: object, signal: AbortSignal) {
    const judge = (capabilities: Capabilities) => {
      const wanted = withOwnScale(knownVariant(parsed, capabilities), { ...written }, capabilities);
      return { capabilities, wanted, issues: checkCapabilities(wanted, judgedBy(wanted, capabilities)) };
    };
    const judged = judge(await this.backend.capabilities(parsed.model, { signal }));
    if (judged.issues.length === 0) return judged;
    return judge(await this.backend.capabilities(parsed.model, { signal, fresh: true }));
  }

  async #prepare(input: GenerationInput | Recipe, options: GenerateOptions, signal: AbortSignal): Promise<Prepared> {
    const { backend } = this;
    const { recipe, filled, given } = await this.#read(input, options, signal);
    const written = recipe?.request ?? withDefaults(input, this.#options.defaults);
    const { capabilities, wanted, issues } = await this.#judge(filled, written as object, signal);
    const drops = (options.onUnsupported ?? this.#options.onUnsupported ?? "error") === "warn";
    if (issues.length > 0 && !drops) throw new UnsupportedError(issues, { backend: backend.id });
    const dropped = dropUnsupported(wanted, issues, backend.id);
    const { request, warnings } = withoutVainPreviews(dropped, capabilities);
    const needsSeed = request.seed === undefined && capabilities.features.includes("seed");
    const seed = needsSeed ? { seed: randomSeed(capabilities.limits.seed?.max) } : {};
    const whole = await fingerprintImages({ ...request, ...seed }, signal);
    await checkPictures(whole, this.#inputs.maxPixels).catch((error: unknown) => {
      throw namingInput(error, whole);
    });
    const differing = [...foreignRecipe(recipe, backend, capabilities), ...differingInputs(whole, given)];
    const run = { backend, capabilities, drops, inputs: this.#inputs };
    return {
      request: whole,
      warnings: [...warnings, ...differing, ...unread(recipe)],
      source: (jobSignal, revise) => runRequest(whole, { ...run, revise, signal: jobSignal }),
    };
  }

  /** The request of an input; a recipe's with the caller's files in their places, and reaching nothing that it may not. */
  async #read(input: GenerationInput | Recipe, options: GenerateOptions, signal: AbortSignal) {
    const { backend } = this;
    const { inputs = [], trust = this.#options.trust } = options;
    checkTrust(trust);
    if (typeof input === "object" && input !== null && !isRecipe(input))
      checkBounds(input, this.#options.maxPromptLength);
    const recipe = isRecipe(input) ? parseRecipe(input, this.#options) : undefined;
    const parsed = recipe
      ? askedOf(recipe, backend)
      : parseRequest(await readInputObjects(withDefaults(input, this.#options.defaults)), this.#options);
    const named = Array.isArray(inputs) ? {} : (inputs as RecipeInputs);
    if (recipe === undefined && Object.keys(named).length > 0)
      throw new InvalidRequestError([
        { field: "inputs", message: "belong to a recipe; a request has its own image and mask" },
      ]);
    const { request, given } = withNamedInputs(parsed, named);
    if (recipe !== undefined) {
      const touches = await untrustedTouches(input as Recipe, backend, trust, { signal, request: parsed });
      const left = touches.filter(({ field }) => !given.has(field));
      if (left.length > 0) throw untrustedError(left);
    }
    const filled = await withInputs(
      request,
      Array.isArray(inputs) ? (inputs as readonly InputFile[]) : [],
      signal,
      this.#inputs,
    );
    return { recipe, filled, given };
  }
}

/** Who watches is no part of a picture: where there are no previews the program is told, and goes on. */
function withoutVainPreviews({ request, warnings }: Dropped, { features }: Capabilities): Dropped {
  if (request.previewEvery === 0 || features.includes("previewEvery")) return { request, warnings };
  const message = "previewEvery: this backend or model shows no unfinished pictures; none will come";
  const none: WarningEvent = { type: "warning", code: "no_previews", field: "previewEvery", message };
  return { request: { ...request, previewEvery: 0 }, warnings: [...warnings, none] };
}

/** A recipe's pixels are promised only on its own backend and model. */
function foreignRecipe(recipe: Recipe | undefined, backend: Backend, { model }: Capabilities): WarningEvent[] {
  if (recipe === undefined) return [];
  const differs = (what: string, was: string, is: string): WarningEvent => ({
    type: "warning",
    code: "recipe_differs",
    message: `The recipe was made with ${what} "${was}", not "${is}": the picture may differ.`,
  });
  if (!isMadeOf(backend, recipe.backend)) return [differs("backend", recipe.backend, backend.id)];
  const was = recipe.model?.hash;
  return was !== undefined && model?.hash !== undefined && was !== model.hash
    ? [differs("model", `${recipe.model?.id} ${was}`, `${model.id} ${model.hash}`)]
    : [];
}

/** Whether a backend is, or a composition has, the one of this id. */
function isMadeOf({ id, parts = [] }: Backend, wanted: string): boolean {
  return id === wanted || parts.some((part) => isMadeOf(part, wanted));
}

/** What stood in the recipe's file and is not in its request. */
function unread(recipe: Recipe | undefined): WarningEvent[] {
  return (recipe?.notes ?? []).map(
    ({ field, message }): WarningEvent => ({
      type: "warning",
      code: "recipe_setting",
      field,
      message: `${field}: ${message}`,
    }),
  );
}

function withDefaults(input: unknown, defaults: Partial<GenerationInput> | undefined): unknown {
  if (defaults === undefined || typeof input !== "object" || input === null) return input;
  // A sampler's name that says a scheduler goes before the defaults' scheduler.
  const own = canonicalNames(Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)));
  const { steps, scheduler, schedulerOptions, ...others } = canonicalNames(defaults);
  // Levels of the request's own stand in their place.
  const levels = own.sigmas === undefined && own.timesteps === undefined ? { steps, scheduler, schedulerOptions } : {};
  const usual = Object.fromEntries(Object.entries({ ...others, ...levels }).filter(([, value]) => value !== undefined));
  return { ...usual, ...own };
}
