import {
  type CallOptions,
  type GenerationRequest,
  InvalidRequestError,
  type Issue,
  NotFoundError,
  seedOfImage,
  UnsupportedError,
} from "@latentkit/core";
import { imageModel, maxFreePixels } from "./image-models.ts";
import { backendId, type ResolvedOpenAiOptions } from "./openai-options.ts";
import { maskFile, pictureFile, type SentFile } from "./sent-files.ts";

/** One call that a request needs. */
export interface PlannedCall {
  path: "/images/generations" | "/images/edits";
  fields: Readonly<Record<string, unknown>>;
  files: readonly SentFile[];
  /** The pictures of the request that it makes, by their index. */
  indexes: readonly number[];
  /** The seed of its only picture, where the server takes one. */
  seed?: number | string;
  /** How many unfinished pictures are asked for; undefined where the answer is not streamed. */
  partials?: number;
}

/** OpenAI makes so many pictures in a call. */
const mostInCall = 10;
const maxPrompt = 32_000;
/** Fields that a request of ours decides. */
const ours = new Set(["prompt", "n", "size", "stream", "image", "image[]", "mask", "response_format", "output_format"]);

/**
 * The calls of a request. Pictures with a seed, and those that are watched, have a call each: a picture is then the same whatever is made
 * beside it, and an unfinished one is known by its call.
 *
 * @throws UnsupportedError or InvalidRequestError naming the field; NotFoundError for a model that is no more.
 */
export async function planCalls(
  request: GenerationRequest,
  options: ResolvedOpenAiOptions,
  call: CallOptions,
): Promise<PlannedCall[]> {
  const fields = fieldsOf(request, options);
  const files = await filesOf(request, call);
  const path = files.length > 0 ? "/images/edits" : "/images/generations";
  const { partial_images = 3 } = (request.backendOptions[backendId] ?? {}) as { partial_images?: number };
  const streams = request.previewEvery > 0;
  const isAlone = streams || request.seed !== undefined;
  const calls: PlannedCall[] = [];
  for (let at = 0; at < request.count; at += isAlone ? 1 : mostInCall) {
    const n = isAlone ? 1 : Math.min(mostInCall, request.count - at);
    const seed = request.seed === undefined ? undefined : seedOfImage(request.seed, at);
    calls.push({
      path,
      fields: {
        ...withExtras(fields, extrasOf(request, seed, options), options),
        n,
        ...(streams ? { stream: true, partial_images } : {}),
      },
      files,
      indexes: Array.from({ length: n }, (_, i) => at + i),
      ...(seed === undefined ? {} : { seed }),
      ...(streams ? { partials: partial_images } : {}),
    });
  }
  return calls;
}

function fieldsOf(request: GenerationRequest, options: ResolvedOpenAiOptions): Record<string, unknown> {
  const { model = options.model, width, height, output } = request;
  const prompt = "prompt" in request ? (request.prompt ?? "") : "";
  const { partial_images: _, ...own } = (request.backendOptions[backendId] ?? {}) as Record<string, unknown>;
  const issues: Issue[] = [];
  if (prompt.trim() === "") issues.push({ field: "prompt", message: "must not be empty here" });
  if (options.isOpenAi && prompt.length > maxPrompt)
    issues.push({ field: "prompt", message: `has ${prompt.length} characters; OpenAI takes ${maxPrompt}` });
  if (options.isOpenAi && model === undefined)
    issues.push({ field: "model", message: 'is missing: name one, such as "gpt-image-2.5-flare"' });
  for (const field of Object.keys(own).filter((name) => ours.has(name)))
    issues.push({ field: `backendOptions.openai.${field}`, message: "is decided by the request's own fields" });
  if (own.background === "transparent" && output.format === "jpeg")
    issues.push({
      field: "output.format",
      message: "a transparent background needs png or webp",
      allowed: ["png", "webp"],
    });
  if (issues.length > 0) throw new InvalidRequestError(issues, { backend: backendId });
  if (options.isOpenAi) checkModel(model);
  checkSize(request, options.isOpenAi && model !== undefined && imageModel(model) !== undefined);
  return {
    prompt,
    ...(model === undefined ? {} : { model }),
    ...(width === undefined ? {} : { size: `${width}x${height}` }),
    // OpenAI's models answer with the picture itself; servers of its dialect may have to be asked.
    ...(options.isOpenAi ? {} : { response_format: "b64_json" }),
    output_format: output.format,
    ...(output.format === "png" ? {} : { output_compression: output.quality }),
    ...own,
  };
}

function checkModel(model: string | undefined): void {
  const { retired } = imageModel(model) ?? {};
  if (retired === undefined) return;
  throw new NotFoundError(`OpenAI shut down ${model} on ${retired.on}; use ${retired.use}.`, {
    backend: backendId,
    details: { model },
  });
}

function checkSize({ width, height }: GenerationRequest, isBounded: boolean): void {
  const issue = sizeIssue(width, height, isBounded);
  if (issue !== undefined) throw new UnsupportedError([issue], { backend: backendId });
}

function sizeIssue(width: number | undefined, height: number | undefined, isBounded: boolean): Issue | undefined {
  if (width === undefined && height === undefined) return undefined;
  if (width === undefined || height === undefined)
    return { field: width === undefined ? "width" : "height", message: "give both width and height, or neither" };
  if (!isBounded) return undefined;
  const what = `${width}×${height} is not possible here`;
  if (width > 3 * height || height > 3 * width)
    return { field: width > height ? "width" : "height", message: `${what}: from 1:3 to 3:1` };
  if (width * height > maxFreePixels) return { field: "width", message: `${what}: at most 3840×2160 pixels` };
  return undefined;
}

/** The request's fields that OpenAI's API has not. */
function extrasOf(
  request: GenerationRequest,
  seed: number | string | undefined,
  { extras }: ResolvedOpenAiOptions,
): Record<string, unknown> {
  const given: Readonly<Record<string, unknown>> = {
    ...request,
    // A number with all its digits: JSON has no bound.
    seed: seed === undefined ? undefined : BigInt(seed),
    negativePrompt: "negativePrompt" in request ? request.negativePrompt : undefined,
  };
  const named = Object.entries(extras).filter(([field]) => given[field] !== undefined);
  return Object.fromEntries(named.map(([field, name]) => [name, given[field]]));
}

function withExtras(
  fields: Record<string, unknown>,
  extras: Record<string, unknown>,
  { inPrompt }: ResolvedOpenAiOptions,
): Record<string, unknown> {
  if (!inPrompt || Object.keys(extras).length === 0) return { ...fields, ...extras };
  const { seed, negative_prompt, steps, guidance_scale } = extras;
  const sampling = {
    ...(steps === undefined ? {} : { sample_steps: steps }),
    ...(guidance_scale === undefined ? {} : { guidance: { txt_cfg: guidance_scale } }),
  };
  const settings = {
    ...(seed === undefined ? {} : { seed }),
    ...(negative_prompt === undefined ? {} : { negative_prompt }),
    ...(Object.keys(sampling).length === 0 ? {} : { sample_params: sampling }),
  };
  // The server takes the first such part: one of the prompt's own must not go before.
  return { ...fields, prompt: `<sd_cpp_extra_args>${toJson(settings)}</sd_cpp_extra_args>${fields.prompt}` };
}

async function filesOf(request: GenerationRequest, call: CallOptions): Promise<SentFile[]> {
  const named = [
    ...("image" in request && request.image !== undefined ? [{ field: "image", source: request.image }] : []),
    ...request.conditioning.flatMap((entry, i) =>
      entry.kind === "reference" ? [{ field: `conditioning[${i}].image`, source: entry.image }] : [],
    ),
  ];
  if (named.length > 16)
    throw new InvalidRequestError([{ field: named[16]!.field, message: "OpenAI takes 16 pictures at most" }], {
      backend: backendId,
    });
  const pictures: SentFile[] = [];
  for (const { field, source } of named)
    pictures.push(await pictureFile(source, field, named.length > 1 ? "image[]" : "image", call));
  if (request.task !== "inpaint") return pictures;
  return [...pictures, await maskFile(request.mask, pictures[0]!, call)];
}

declare global {
  interface JSON {
    /** ECMAScript "JSON.parse source text access": a number written with all its digits. Node 22 and later. */
    rawJSON(text: string): unknown;
  }
}

/** JSON with bigints as whole numbers, all digits kept. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) =>
    typeof entry === "bigint" ? JSON.rawJSON(entry.toString()) : entry,
  );
}
