import type { ImageModelV2, ImageModelV3, ImageModelV4 } from "@ai-sdk/provider";
import { ConfigError, describeOptions } from "@latentkit/core";
import { z } from "zod";
import { habitsOf } from "./provider-habits.ts";

/** The backend's id, as it stands in errors and recipes. */
export const backendId = "ai-sdk";

type Flag = PromiseLike<boolean | undefined> | boolean | undefined;
/** Its optional fields may be there and undefined, as in the AI SDK's own mock. */
type ModelV4 = Omit<ImageModelV4, "supportsFileInputs" | "supportsMaskInputs"> & {
  readonly supportsFileInputs?: Flag;
  readonly supportsMaskInputs?: Flag;
};

/** An image model of an AI SDK provider: `fal.image("fal-ai/flux/dev")`, `google.image("gemini-3-pro-image-preview")`. */
export type AiSdkModel = ModelV4 | ImageModelV3 | ImageModelV2;

const settings = ["negativePrompt", "steps", "guidanceScale"] as const;
/** Fields of a request that go to a provider by names of its own. */
export type ProviderField = (typeof settings)[number];

const OptionsSchema = z.strictObject({
  edits: z.union([z.literal(false), z.enum(["files", "mask"])]).optional(),
  shape: z.enum(["size", "aspectRatio"]).optional(),
  mask: z.enum(["white", "transparent"]).optional(),
  seed: z.boolean().optional(),
  maxSeed: z
    .int()
    .min(1)
    .max(Number.MAX_SAFE_INTEGER)
    .default(2 ** 31 - 1),
  fields: z.partialRecord(z.enum(settings), z.string().regex(/^[^.]+\.[^.]+$/, "must be provider.option")).default({}),
  providerOptions: z.record(z.string(), z.record(z.string(), z.json())).default({}),
  headers: z.record(z.string(), z.string()).optional(),
  concurrency: z.int().min(1).max(64).default(4),
  retries: z.int().min(0).max(20).default(3),
  timeoutMs: z.number().positive().default(900_000),
});

/** Settings of an AI SDK model as a backend. Absent, what is known of its provider counts. */
export interface AiSdkOptions {
  /**
   * Whether the model takes pictures: `"files"`, or with a mask, `"mask"`. Default: as the model itself says, which few do; where it does not,
   * requests with pictures are refused, since a provider may pass over them without a word.
   */
  edits?: false | "files" | "mask" | undefined;
  /** Whether it is told a size in pixels, or an aspect ratio. Default: the provider's way, else a size. */
  shape?: "size" | "aspectRatio" | undefined;
  /** What of a mask is painted anew. Default: the provider's way, else white. */
  mask?: "white" | "transparent" | undefined;
  /** Whether it has seeds. Default: the provider's way, else true. */
  seed?: boolean | undefined;
  /** Largest seed. Default 2^31 − 1. */
  maxSeed?: number | undefined;
  /** Where the provider has fields that the AI SDK has not: `{ steps: "fal.numInferenceSteps" }`. Those that are named here may be asked for. */
  fields?: Partial<Record<ProviderField, string>> | undefined;
  /** Provider options of each call; a request's own `backendOptions["ai-sdk"]` go over them. */
  providerOptions?: Record<string, Record<string, z.core.util.JSONType>> | undefined;
  headers?: Record<string, string> | undefined;
  /** Most calls of one request at a time. Default 4. */
  concurrency?: number | undefined;
  /** How often a call is made again that surely did nothing: no connection, or HTTP 429. Default 3. */
  retries?: number | undefined;
  /** Longest wait for a call's answer, in milliseconds. Default 900 000: providers poll for minutes. */
  timeoutMs?: number | undefined;
}

/** Options with defaults filled in, and what the provider is known for. */
export type ResolvedAiSdkOptions = Omit<z.output<typeof OptionsSchema>, "shape" | "mask" | "seed"> & {
  shape: "size" | "aspectRatio";
  mask: "white" | "transparent";
  seed: boolean;
};

/** @throws ConfigError naming the option, or for what is no image model. */
export function resolveOptions(model: AiSdkModel, input: AiSdkOptions): ResolvedAiSdkOptions {
  const { specificationVersion: version, doGenerate } = (model ?? {}) as Partial<AiSdkModel>;
  if (typeof doGenerate !== "function" || !["v2", "v3", "v4"].includes(version ?? ""))
    throw new ConfigError(
      `ai-sdk: model: must be an image model of the AI SDK 5 to 7 (specification v2 to v4), such as fal.image("fal-ai/flux/dev")${version === undefined ? "" : `; this is ${version}`}`,
      { backend: backendId },
    );
  const given = Object.fromEntries(Object.entries(input ?? {}).filter(([, value]) => value !== undefined));
  const parsed = OptionsSchema.safeParse(given);
  if (!parsed.success)
    throw new ConfigError(`ai-sdk: ${describeOptions(parsed.error, OptionsSchema, "the options")}`, {
      backend: backendId,
      cause: parsed.error,
    });
  const { shape, mask, seed, ...rest } = parsed.data;
  const habits = habitsOf(model.provider);
  return { ...rest, shape: shape ?? habits.shape, mask: mask ?? habits.mask, seed: seed ?? habits.seed };
}
