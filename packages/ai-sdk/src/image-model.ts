import type {
  ImageModelV4,
  ImageModelV4CallOptions,
  ImageModelV4Result,
  JSONValue,
  SharedV4Warning,
} from "@ai-sdk/provider";
import type { Client, GeneratedImage, GenerationResult, WarningEvent } from "@latentkit/core";
import type { ModelSettings } from "./model-settings.ts";
import { requestOf } from "./request-of.ts";

/** As many pictures a call as a client takes: the batch stays in one call, where each has its own seed. */
const mostImages = 1000;

/** An image model over a client, of either version of the specification: they differ in the names of types alone. */
export class LatentKitImageModel implements Omit<ImageModelV4, "specificationVersion"> {
  readonly provider = "latentkit";
  readonly modelId: string;
  readonly specificationVersion: "v3" | "v4";
  readonly #client: Client;
  readonly #model: string | undefined;
  readonly #settings: ModelSettings;

  constructor(client: Client, model: string | undefined, settings: ModelSettings, version: "v3" | "v4") {
    this.#client = client;
    this.#model = model === "default" ? undefined : model;
    this.modelId = this.#model ?? "default";
    this.#settings = settings;
    this.specificationVersion = version;
  }

  /** What the backend makes in a job. */
  readonly maxImagesPerCall = async (): Promise<number> => (await this.#capabilities()).limits.count?.max ?? mostImages;

  get supportsFileInputs(): PromiseLike<boolean> {
    return this.#capabilities().then(({ tasks }) => tasks.includes("image-to-image"));
  }

  get supportsMaskInputs(): PromiseLike<boolean> {
    return this.#capabilities().then(({ tasks }) => tasks.includes("inpaint"));
  }

  async doGenerate(options: ImageModelV4CallOptions): Promise<ImageModelV4Result> {
    const timestamp = new Date();
    const { onEvent, onUnsupported = "warn", request = {} } = this.#settings;
    const { prompt, abortSignal: signal } = options;
    const { input, warnings } = await requestOf(options, {
      capabilities: await this.#capabilities(),
      model: this.#model,
      request,
      inputs: this.#client.inputs,
    });
    const job = this.#client.generate(input, { onUnsupported, ...(signal === undefined ? {} : { signal }) });
    if (onEvent !== undefined) {
      const context = { modelId: this.modelId, prompt, callId: crypto.randomUUID() };
      try {
        for await (const event of job) onEvent(event, context);
      } catch (error) {
        job.cancel();
        throw error;
      }
    }
    const result = await job;
    return {
      images: await Promise.all(result.images.map((image) => image.bytes())),
      warnings: [...warnings, ...result.warnings.map(told)],
      providerMetadata: { latentkit: await metadataOf(result) },
      response: { timestamp, modelId: result.recipe.model?.id ?? this.modelId, headers: undefined },
    };
  }

  #capabilities() {
    return this.#client.capabilities(this.#model);
  }
}

/** Of metadata `ai` keeps what stands by the picture. */
async function metadataOf({ images, failures, timings, metrics }: GenerationResult) {
  const own = async (image: GeneratedImage) => ({
    index: image.index,
    seed: image.seed,
    ...(await image.size()),
    recipe: image.recipe,
  });
  return json({ images: await Promise.all(images.map(own)), failures, timings, metrics }) as { images: JSONValue[] };
}

/** Without what JSON has not. */
function json(value: unknown): JSONValue {
  return JSON.parse(JSON.stringify(value));
}

function told({ code, field, message }: WarningEvent): SharedV4Warning {
  if (code === "unsupported" || code === "no_previews")
    return { type: "unsupported", feature: field ?? code, details: message };
  return { type: "other", message };
}
