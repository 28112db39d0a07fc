import { type ImageModelV4, NoSuchModelError } from "@ai-sdk/provider";
import { type Backend, type Client, ConfigError, createClient } from "@latentkit/core";
import { LatentKitImageModel } from "./image-model.ts";
import type { ModelSettings } from "./model-settings.ts";

/** Version of the AI SDK's specification: `"v4"` for `ai` 7, `"v3"` for `ai` 6. */
export type SpecificationVersion = "v3" | "v4";

/** Settings of LatentKit as a provider. */
export interface LatentKitProviderOptions<V extends SpecificationVersion = "v4"> extends ModelSettings {
  /** The client that makes the pictures, or a backend to make one over. */
  client?: Client | undefined;
  backend?: Backend | undefined;
  /** `"v4"` (default) is `ai` 7's, `"v3"` is `ai` 6's. */
  specificationVersion?: V | undefined;
}

/** A model for `ai` 6, whose types of the same names are another package's. */
export interface ImageModelForAi6 {
  readonly specificationVersion: "v3";
  readonly provider: string;
  readonly modelId: string;
  readonly maxImagesPerCall: () => Promise<number>;
  // biome-ignore lint/suspicious/noExplicitAny: as `ai` 6 has it
  doGenerate(options: any): Promise<any>;
}

type ModelOf<V extends SpecificationVersion> = V extends "v3" ? ImageModelForAi6 : ImageModelV4;

/** LatentKit as a provider: image models over whatever backend. */
export interface LatentKitProvider<V extends SpecificationVersion = "v4"> {
  readonly specificationVersion: V;
  /** A model as the backend names it; without a name, the backend's default one. */
  image(modelId?: string, settings?: ModelSettings): ModelOf<V>;
  imageModel(modelId: string): ModelOf<V>;
  /** @throws NoSuchModelError: there are none. */
  languageModel(modelId: string): never;
  /** @throws NoSuchModelError: there are none. */
  embeddingModel(modelId: string): never;
  readonly client: Client;
  /** Frees the client that was made for `backend`; one that was given stays. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * LatentKit behind the AI SDK's `generateImage()`: each picture with a seed of its own, those that could be made where some fail, recipes in
 * the metadata, progress by `onEvent`.
 *
 * @example
 * ```ts
 * const latentkit = createLatentKit({ backend: local() });
 * const { image } = await generateImage({ model: latentkit.image(), prompt: "a red apple", seed: 7 });
 * ```
 * @throws ConfigError when neither a client nor a backend is given, or both.
 */
export function createLatentKit<V extends SpecificationVersion = "v4">(
  options: LatentKitProviderOptions<V>,
): LatentKitProvider<V> {
  const { client: given, backend, specificationVersion = "v4", ...defaults } = options ?? {};
  if ((given === undefined) === (backend === undefined))
    throw new ConfigError("createLatentKit: give a client or a backend, one of both");
  if (specificationVersion !== "v3" && specificationVersion !== "v4")
    throw new ConfigError('createLatentKit: specificationVersion: must be "v4" (ai 7) or "v3" (ai 6)');
  const client = given ?? createClient({ backend: backend! });
  const image = (modelId?: string, settings: ModelSettings = {}) =>
    new LatentKitImageModel(client, modelId, { ...defaults, ...settings }, specificationVersion);
  const none = (modelType: "languageModel" | "embeddingModel") => (modelId: string) => {
    throw new NoSuchModelError({ modelId, modelType });
  };
  const dispose = async () => {
    if (given === undefined) await client.dispose();
  };
  const provider = {
    specificationVersion,
    image,
    imageModel: image,
    languageModel: none("languageModel"),
    embeddingModel: none("embeddingModel"),
    client,
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
  return provider as unknown as LatentKitProvider<V>;
}
