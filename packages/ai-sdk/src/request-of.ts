import type { ImageModelV4CallOptions, SharedV4Warning } from "@ai-sdk/provider";
import { type CallInputs, type Capabilities, type GenerationInput, InvalidRequestError } from "@latentkit/core";
import { maskOf } from "./mask.ts";
import { sizeOfRatio } from "./size-of-ratio.ts";
import { sourceOf } from "./source-of.ts";

/** What a call is mapped with. */
export interface RequestContext {
  capabilities: Capabilities;
  model: string | undefined;
  /** Fields of each request. */
  request: Partial<GenerationInput>;
  /** The client's rules for input files. */
  inputs?: CallInputs | undefined;
}

/**
 * A call of the AI SDK's as a request: fields of the call, over those of `providerOptions.latentkit`, over the model's own.
 *
 * @throws InvalidRequestError naming what makes no sense.
 */
export async function requestOf(
  options: ImageModelV4CallOptions,
  { capabilities, model, request, inputs }: RequestContext,
): Promise<{ input: GenerationInput; warnings: SharedV4Warning[] }> {
  const { prompt, n, size, aspectRatio, seed, files = [], mask, providerOptions } = options;
  const warnings: SharedV4Warning[] = [];
  const [image, ...references] = files.map(sourceOf);
  if (mask !== undefined && image === undefined)
    throw new InvalidRequestError([{ field: "mask", message: "needs a picture that it belongs to" }]);
  const kind = (["reference", "image-prompt"] as const).find((each) => capabilities.conditioning.includes(each));
  if (references.length > 0 && kind === undefined)
    warnings.push({
      type: "unsupported",
      feature: "files",
      details: `The backend looks at one picture; ${references.length} more were left out.`,
    });
  const own = { ...request, ...providerOptions?.latentkit } as Record<string, unknown>;
  const conditioning = [
    ...listOf(own.conditioning),
    ...(kind === undefined ? [] : references.map((source) => ({ kind, image: source }))),
  ];
  const input = {
    ...own,
    ...(prompt === undefined ? {} : { prompt }),
    ...(model === undefined ? {} : { model }),
    ...shapeOf(size, aspectRatio, capabilities, warnings),
    count: n,
    ...(seed === undefined ? {} : { seed }),
    ...(image === undefined ? {} : { image }),
    ...(mask === undefined ? {} : { mask: await maskOf(mask, { inputs, signal: options.abortSignal }) }),
    ...(conditioning.length === 0 ? {} : { conditioning }),
  };
  return { input: input as GenerationInput, warnings };
}

/** @throws InvalidRequestError where it is none. */
function listOf(conditioning: unknown): readonly unknown[] {
  if (conditioning === undefined || conditioning === null) return [];
  if (Array.isArray(conditioning)) return conditioning;
  throw new InvalidRequestError([{ field: "conditioning", message: "must be a list" }]);
}

function shapeOf(
  size: ImageModelV4CallOptions["size"],
  aspectRatio: ImageModelV4CallOptions["aspectRatio"],
  capabilities: Capabilities,
  warnings: SharedV4Warning[],
): { width?: number; height?: number } {
  const [width = 0, height = 0] = (size ?? "").split("x").map(Number);
  if (size !== undefined && aspectRatio !== undefined)
    warnings.push({ type: "unsupported", feature: "aspectRatio", details: `The size ${size} goes before it.` });
  if (size !== undefined) return { width, height };
  return aspectRatio === undefined ? {} : sizeOfRatio(aspectRatio, capabilities);
}
