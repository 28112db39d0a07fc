import { join } from "node:path";
import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";
import { autoencoderKLConfig } from "../networks/autoencoder-kl/autoencoder-kl-config.ts";
import { clipTextConfig } from "../networks/clip-text/clip-text-config.ts";
import { selfAttentions } from "../networks/unet-2d-condition/self-attentions.ts";
import { unetConfig } from "../networks/unet-2d-condition/unet-2d-condition-config.ts";
import type { ModelPart } from "./model-folder.ts";
import { ownPlan } from "./own-plan.ts";

/** Largest side in pixels: beyond it the VAE alone takes tens of gigabytes. */
const largestSide = 2048;

/** What a model's configs say about sizes: all that a request has to fit. */
export interface ModelShape {
  /** Pixels to a latent's side. */
  readonly scale: number;
  /** What width and height must be multiples of. */
  readonly multipleOf: number;
  /** Smallest side in pixels. */
  readonly minSide: number;
  /** Largest side in pixels. */
  readonly maxSide: number;
  /** Width and height where the request names none. */
  readonly defaultWidth: number;
  readonly defaultHeight: number;
  readonly latentChannels: number;
  /** Latents are `z · scaling` of what the VAE works with. A `shift_factor` is not applied: diffusers' pipelines of this family read none. */
  readonly scalingFactor: number;
  /** Layers of the text encoder. */
  readonly textLayers: number;
  /** Longest text in tokens, its begin and end tokens included. */
  readonly maxPositions: number;
  /** Token ids are below it. */
  readonly vocabSize: number;
  /** Names of the UNet's self-attentions, in the order in which they run. */
  readonly selfAttentions: readonly string[];
}

interface Parts {
  path: string;
  textEncoder: ModelPart;
  unet: ModelPart;
  vae: ModelPart;
  scheduler: Record<string, unknown>;
}

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function modelShape({ path, textEncoder, unet, vae, scheduler }: Parts): ModelShape {
  ownPlan(path, scheduler);
  const text = within(textEncoder, clipTextConfig);
  const net = within(unet, unetConfig);
  const auto = within(vae, autoencoderKLConfig);
  const scale = 2 ** (auto.block_out_channels.length - 1);
  const deepest = 2 ** (net.levels.length - 1);

  const fail = unsupported(unet);
  const { latent_channels: latentChannels } = auto;
  if (net.in_channels !== latentChannels)
    throw fail(
      "in_channels",
      `${net.in_channels} does not match the VAE's latent_channels ${latentChannels}; inpainting and instruction UNets with more channels are not supported yet`,
    );
  if (net.out_channels !== latentChannels)
    throw fail("out_channels", `${net.out_channels} does not match the VAE's latent_channels ${latentChannels}`);
  for (const option of ["addition_embed_type", "class_embed_type", "num_class_embeds", "time_cond_proj_dim"] as const) {
    if (net[option] != null) throw fail(option, `${net[option]} needs an input that this pipeline does not have`);
  }
  const textSize = net.encoder_hid_dim ?? net.levels[0]!.crossAttentionDim;
  if (textSize !== text.hidden_size)
    throw fail("cross_attention_dim", `${textSize} does not match the text encoder's hidden_size ${text.hidden_size}`);

  for (const option of ["in_channels", "out_channels"] as const) {
    if (auto[option] !== 3) throw unsupported(vae)(option, `is ${auto[option]}; pictures have 3 channels`);
  }

  const minSide = Math.max(8, scale * deepest);
  const maxSide = largestSide - (largestSide % scale);
  if (minSide > maxSide)
    throw unsupported(vae)(
      "block_out_channels",
      `makes pictures of ${minSide} pixels and more; at most ${largestSide} work`,
    );
  const [height, width] = sampleSize(unet, Math.floor(maxSide / scale));
  return {
    scale,
    multipleOf: scale,
    minSide,
    maxSide,
    defaultWidth: Math.max(minSide, width * scale),
    defaultHeight: Math.max(minSide, height * scale),
    latentChannels,
    scalingFactor: scalingFactor(vae),
    textLayers: text.num_hidden_layers,
    maxPositions: text.max_position_embeddings,
    vocabSize: text.vocab_size,
    selfAttentions: selfAttentions(net),
  };
}

/** A config's own error, with its file named. */
function within<T>({ folder, config }: ModelPart, parse: (config: unknown) => T): T {
  try {
    return parse(config);
  } catch (error) {
    const { details, message } = error as { details?: Record<string, unknown>; message: string };
    if (details?.problem === undefined) throw error;
    const file = join(folder, "config.json");
    throw modelError("unsupported", `${file}: ${message}`, { file, option: details.option as string, cause: error });
  }
}

function unsupported({ folder }: ModelPart) {
  const file = join(folder, "config.json");
  return (option: string, message: string) =>
    modelError("unsupported", `${file}: ${option} ${message}`, { file, option });
}

/** The size the UNet was trained at, in latents: diffusers' default is 64. */
function sampleSize(unet: ModelPart, max: number): [height: number, width: number] {
  const value = unet.config.sample_size ?? 64;
  const sides: unknown[] = Array.isArray(value) ? value : [value, value];
  const fits = (side: unknown) => Number.isInteger(side) && (side as number) >= 1 && (side as number) <= max;
  if (sides.length !== 2 || !sides.every(fits)) {
    const message = `is ${quote(value)}; it must be a size or [height, width] in latents, at most ${max}`;
    throw unsupported(unet)("sample_size", message);
  }
  return sides as [number, number];
}

function scalingFactor(vae: ModelPart): number {
  const value = vae.config.scaling_factor ?? 0.18215;
  if (typeof value !== "number" || !Number.isFinite(value) || value === 0)
    throw unsupported(vae)("scaling_factor", `is ${quote(value)}; it must be a number other than 0`);
  return value;
}
