import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { CallInputs, Conditioning, GenerationRequest } from "@latentkit/core";
import { modelError } from "../../files/model-error.ts";
import { readJson } from "../../files/read-json.ts";
import { invalidField } from "../../invalid-field.ts";
import { type Model, partOf } from "../../models/model.ts";
import { clipVisionConfig } from "../../networks/clip-vision/clip-vision-config.ts";
import { crossAttentions } from "../../networks/unet-2d-condition/cross-attentions.ts";
import { unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { readPicture } from "../../pipeline/read-picture.ts";
import { luma } from "../control/control-planes.ts";
import { ofField } from "../of-field.ts";
import type { ImagePromptInput } from "./image-prompt-input.ts";
import { readIPAdapter } from "./ip-adapter-file.ts";

/** Where a job's pictures as prompts come from. */
export interface ReadImagePromptsOptions {
  ipAdapter: string | undefined;
  imageEncoder: string | undefined;
  /** The output's. */
  width: number;
  height: number;
  signal: AbortSignal;
  rules: CallInputs | undefined;
}

type Entry = Extract<Conditioning, { kind: "image-prompt" }>;

/**
 * A request's pictures as prompts with their adapters, each held against the model.
 *
 * @throws InvalidRequestError naming the field: no adapter, no encoder, one of another kind of model.
 */
export async function readImagePrompts(
  request: GenerationRequest,
  model: Model,
  options: ReadImagePromptsOptions,
): Promise<ImagePromptInput[]> {
  const prompts: ImagePromptInput[] = [];
  for (const [i, entry] of request.conditioning.entries()) {
    if (entry.kind !== "image-prompt") continue;
    const field = `conditioning[${i}]`;
    const adapter = await adapterFor(entry, field, model, options);
    const encoder = await encoderFor(entry, field, adapter, options);
    const pixels = await readPicture(entry.image, `${field}.image`, options);
    const mask = entry.mask && (await maskOf(entry.mask, `${field}.mask`, options));
    const { strength, start, end } = entry;
    prompts.push({ field, ...adapter, encoder, pixels, mask, strength, start, end });
  }
  return prompts;
}

async function maskOf(mask: Entry["image"], field: string, options: ReadImagePromptsOptions): Promise<Uint8Array> {
  const { width, height } = options;
  const { signal, rules } = options;
  const { data, channels } = await readPicture(mask, field, { signal, rules, size: () => ({ width, height }) });
  return Uint8Array.from({ length: width * height }, (_, i) => (luma(data, i * channels) >= 128 ? 1 : 0));
}

async function adapterFor(entry: Entry, field: string, model: Model, { ipAdapter }: ReadImagePromptsOptions) {
  const place = entry.model ?? ipAdapter;
  const named = `${field}.model`;
  if (place === undefined) throw invalidField(named, "name an IP-Adapter's file, or give local() an ipAdapter");
  const path = resolve(place);
  const shape = await ofField(named, readIPAdapter(path));
  const unet = unetConfig(partOf(model, "unet").config);
  const text = unet.levels[0]!.crossAttentionDim;
  const needed = crossAttentions(unet).map(({ channels }) => channels);
  if (shape.width !== text || shape.channels.join() !== needed.join()) {
    const has = `${shape.channels.length} layers of width ${shape.width}`;
    const message = `${path} has ${has}, and the model's UNet ${needed.length} of width ${text}: it is of another kind of model`;
    throw invalidField(named, message);
  }
  return { path, shape };
}

/** The encoder that the request names, or the option; else the one that lies beside the adapter, as its authors publish it. */
async function encoderFor(
  entry: Entry,
  field: string,
  { path, shape }: Pick<ImagePromptInput, "path" | "shape">,
  { imageEncoder }: ReadImagePromptsOptions,
): Promise<ImagePromptInput["encoder"]> {
  const given = entry.imageEncoder ?? imageEncoder;
  const beside = ["image_encoder", "../image_encoder", "../models/image_encoder"].map((name) =>
    join(dirname(path), name),
  );
  const places =
    given === undefined ? beside.filter((place) => existsSync(join(place, "config.json"))) : [resolve(given)];
  const named = `${field}.imageEncoder`;
  const needed = `${shape.kind === "plain" ? "projection_dim" : "hidden_size"} ${shape.inputs}`;
  const found: string[] = [];
  for (const place of places) {
    const file = join(place, "config.json");
    const config = await ofField(named, readJson(file));
    const spec = await ofField(named, parsed(config, file));
    const width = shape.kind === "plain" ? spec.projection_dim : spec.hidden_size;
    if (width === shape.inputs) return { path: place, config };
    found.push(`${place} (${width})`);
  }
  const looked =
    found.length > 0
      ? `it needs ${needed}, and this has another: ${found.join(", ")}`
      : `looked for ${beside.join(", ")}`;
  const help =
    given === undefined ? "name the image encoder's folder that the adapter was made for" : "is not the adapter's";
  throw invalidField(named, `${help}; ${looked}`);
}

async function parsed(config: Readonly<Record<string, unknown>>, file: string) {
  if (Array.isArray(config.architectures) && !config.architectures.includes("CLIPVisionModelWithProjection"))
    throw modelError(
      "unsupported",
      `${file}: its class is ${config.architectures}; CLIPVisionModelWithProjection is needed`,
    );
  return clipVisionConfig(config);
}
