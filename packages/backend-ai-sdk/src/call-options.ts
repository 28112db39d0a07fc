import type { ImageModelV4File } from "@ai-sdk/provider";
import {
  type CallOptions,
  decodeImage,
  encodeImage,
  type GenerationRequest,
  InvalidRequestError,
  loadImageSource,
  probeImage,
  resizeImage,
  UnsupportedError,
  type WarningEvent,
} from "@latentkit/core";
import { backendId, type ResolvedAiSdkOptions } from "./ai-sdk-options.ts";
import { aspectRatioOf } from "./aspect-ratio.ts";

/** What each call of a request has in common. */
export interface SharedCallOptions {
  prompt: string;
  size: `${number}x${number}` | undefined;
  aspectRatio: `${number}:${number}` | undefined;
  files: ImageModelV4File[] | undefined;
  mask: ImageModelV4File | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: JSON, which each version of the specification types otherwise
  providerOptions: Record<string, Record<string, any>>;
}

/**
 * A request in the AI SDK's words.
 *
 * @throws UnsupportedError or InvalidRequestError naming the field.
 */
export async function callOptionsOf(
  request: GenerationRequest,
  options: ResolvedAiSdkOptions,
  call: CallOptions,
): Promise<{ shared: SharedCallOptions; warnings: WarningEvent[] }> {
  const { width, height } = request;
  if ((width === undefined) !== (height === undefined)) {
    const field = width === undefined ? "width" : "height";
    throw new UnsupportedError([{ field, message: "give both width and height, or neither" }], { backend: backendId });
  }
  const warnings: WarningEvent[] = [];
  const shape: Pick<SharedCallOptions, "size" | "aspectRatio"> = { size: undefined, aspectRatio: undefined };
  if (width !== undefined && height !== undefined) {
    if (options.shape === "size") shape.size = `${width}x${height}`;
    else {
      shape.aspectRatio = aspectRatioOf(width, height);
      const message = `width: the model takes an aspect ratio (${shape.aspectRatio}) and decides the number of pixels itself`;
      warnings.push({ type: "warning", code: "unsupported", field: "width", message });
    }
  }
  const files = await filesOf(request, call);
  const mask = request.task === "inpaint" ? await maskOf(request, options, call) : undefined;
  const prompt = "prompt" in request ? (request.prompt ?? "") : "";
  const shared = { prompt, ...shape, files: files.length > 0 ? files : undefined, mask };
  return { shared: { ...shared, providerOptions: providerOptionsOf(request, options) }, warnings };
}

function providerOptionsOf(
  request: GenerationRequest,
  { providerOptions, fields }: ResolvedAiSdkOptions,
): SharedCallOptions["providerOptions"] {
  const merged: SharedCallOptions["providerOptions"] = structuredClone(providerOptions);
  const put = (provider: string, own: Record<string, unknown>) => {
    merged[provider] = { ...merged[provider], ...own };
  };
  for (const [field, path] of Object.entries(fields)) {
    const value = (request as Record<string, unknown>)[field];
    const [provider = "", name = ""] = path.split(".");
    if (value !== undefined) put(provider, { [name]: value });
  }
  for (const [provider, own] of Object.entries(request.backendOptions[backendId] ?? {})) {
    if (typeof own !== "object" || own === null || Array.isArray(own))
      throw new InvalidRequestError(
        [{ field: `backendOptions.ai-sdk.${provider}`, message: "must be an object: the options of that provider" }],
        { backend: backendId },
      );
    put(provider, own);
  }
  return merged;
}

async function filesOf(request: GenerationRequest, { signal, inputs = {} }: CallOptions): Promise<ImageModelV4File[]> {
  const { maxPixels, ...rules } = inputs;
  const named = [
    ...("image" in request && request.image !== undefined ? [{ field: "image", source: request.image }] : []),
    ...request.conditioning.flatMap((entry, i) =>
      entry.kind === "reference" ? [{ field: `conditioning[${i}].image`, source: entry.image }] : [],
    ),
  ];
  return Promise.all(
    named.map(async ({ field, source }): Promise<ImageModelV4File> => {
      const data = await loadImageSource(source, { ...rules, field, signal });
      return { type: "file", data, mediaType: (await probeImage(data, field, maxPixels)).mediaType };
    }),
  );
}

/** The mask at its picture's size: white, or transparent, where it is painted anew. */
async function maskOf(
  { image, mask }: Extract<GenerationRequest, { task: "inpaint" }>,
  options: ResolvedAiSdkOptions,
  { signal, inputs = {} }: CallOptions,
): Promise<ImageModelV4File> {
  const { maxPixels, ...rules } = inputs;
  const read = async (source: typeof mask, field: string) =>
    decodeImage(await loadImageSource(source, { ...rules, field, signal }), field, { maxPixels, signal, opaque: true });
  const { width, height } = await read(image, "image");
  const pixels = await resizeImage(await read(mask, "mask"), width, height);
  const channels = options.mask === "white" ? 3 : 4;
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const isPainted = pixels.data[i * 3 + 1]! >= 128;
    data.fill(isPainted ? 255 : 0, i * channels, i * channels + 3);
    if (channels === 4) data[i * 4 + 3] = isPainted ? 0 : 255;
  }
  return { type: "file", mediaType: "image/png", data: await encodeImage({ width, height, channels, data }, "png") };
}
