import {
  type Backend,
  type CallOptions,
  type Capabilities,
  type GenerationEvent,
  type GenerationRequest,
  RequestsUnderWay,
  runCalls,
  seedOfImage,
  UnsupportedError,
} from "@latentkit/core";
import { callEvents, type ModelCall } from "./ai-sdk-events.ts";
import {
  type AiSdkModel,
  type AiSdkOptions,
  backendId,
  type ResolvedAiSdkOptions,
  resolveOptions,
} from "./ai-sdk-options.ts";
import { callOptionsOf } from "./call-options.ts";
import { capabilitiesOf } from "./capabilities.ts";

/**
 * An image model of any AI SDK provider as a backend.
 *
 * @example
 * ```ts
 * import { fal } from "@ai-sdk/fal";
 * const client = createClient({ backend: aiSdk(fal.image("fal-ai/flux/dev")) });
 * ```
 * @throws ConfigError naming the option that is wrong, or for what is no image model.
 */
export function aiSdk(model: AiSdkModel, options: AiSdkOptions = {}): Backend {
  return new AiSdkBackend(async () => model, resolveOptions(model, options));
}

/** A backend whose model is looked up when it is first needed. */
export class AiSdkBackend implements Backend {
  readonly id = backendId;
  readonly #model: () => Promise<AiSdkModel>;
  readonly #options: ResolvedAiSdkOptions | ((model: AiSdkModel) => ResolvedAiSdkOptions);
  readonly #requests = new RequestsUnderWay(backendId);

  constructor(
    model: () => Promise<AiSdkModel>,
    options: ResolvedAiSdkOptions | ((model: AiSdkModel) => ResolvedAiSdkOptions),
  ) {
    this.#model = model;
    this.#options = options;
  }

  async capabilities(name?: string): Promise<Capabilities> {
    this.#requests.check();
    const { model, options } = await this.#resolved();
    const found = await capabilitiesOf(model, options);
    checkModel(name, found);
    return found;
  }

  generate(request: GenerationRequest, call: CallOptions): AsyncGenerator<GenerationEvent> {
    return this.#requests.work(call.signal, (signal) => this.#run(request, { ...call, signal }));
  }

  async dispose(): Promise<void> {
    await this.#requests.end();
  }

  async *#run(request: GenerationRequest, call: CallOptions): AsyncGenerator<GenerationEvent> {
    const { model, options } = await this.#resolved();
    const { shared, warnings } = await callOptionsOf(request, options, call);
    const calls = planned(request, await mostInCall(model));
    yield { type: "queued" };
    yield* warnings;
    yield { type: "started", model: { id: `${model.provider}/${model.modelId}` } };
    const told = { usage: {}, images: {} };
    const context = { model, options, shared, signal: call.signal, told };
    yield* runCalls(
      calls.map((each) => ({ ...each, events: () => callEvents(each, context) })),
      { backend: backendId, signal: call.signal, atOnce: options.concurrency },
    );
    const providerMetadata = Object.keys(told.images).length > 0 ? { providerMetadata: told.images } : {};
    yield { type: "completed", metrics: { ...told.usage, ...providerMetadata } };
  }

  async #resolved(): Promise<{ model: AiSdkModel; options: ResolvedAiSdkOptions }> {
    const model = await this.#model();
    return { model, options: typeof this.#options === "function" ? this.#options(model) : this.#options };
  }
}

/** A picture with a seed has a call of its own: the AI SDK has one seed a call, which would give the same picture again. */
function planned({ count, seed }: GenerationRequest, most: number): ModelCall[] {
  const size = seed === undefined ? most : 1;
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => ({
    indexes: Array.from({ length: Math.min(size, count - i * size) }, (__, j) => i * size + j),
    ...(seed === undefined ? {} : { seed: Number(seedOfImage(seed, i)) }),
  }));
}

async function mostInCall({ maxImagesPerCall: most, modelId }: AiSdkModel): Promise<number> {
  return (typeof most === "function" ? await most({ modelId }) : most) ?? 1;
}

/** The model is part of the backend: a request can name no other. */
function checkModel(name: string | undefined, { model }: Capabilities): void {
  if (name === undefined || name === model?.id || model?.id.endsWith(`/${name}`)) return;
  const message = `"${name}" is not this backend's model, which is ${model?.id}: leave it out, or make another backend with aiSdk()`;
  throw new UnsupportedError([{ field: "model", message }], { backend: backendId });
}
