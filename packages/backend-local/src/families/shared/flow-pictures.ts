import type { ModelPart } from "../../models/model.ts";
import type { Traits } from "../traits.ts";
import { scalingFactorOf, unsupported } from "./config-check.ts";
import { isTinyVae, vaeScaling, vaeShape } from "./vae-shape.ts";

/** Largest side in pixels: attention over four times as many tokens takes hours a step on most machines. */
const largestSide = 4096;

/** What a transformer makes of a VAE's latents. */
export interface FlowNetwork {
  transformer: ModelPart;
  /** Channels of the latents that it takes and makes. */
  channels: number;
  /** Its option of that name. Default `in_channels`. */
  option?: string;
  /** How many of a latent's squares a token is wide and high. Default 2. */
  patch?: 1 | 2;
  /** Most tokens on a side. */
  largestGrid?: number;
  /** Width and height that it was trained at. Default 1024. */
  trainedAt?: number;
  /** Channels of its pictures: a fourth is their transparency. Default 3. */
  colours?: 3 | 4;
}

/** What is alike in the models of flows between noise and a VAE's latents. @throws ModelError where VAE and network don't fit. */
export function flowPictures(
  vae: ModelPart,
  {
    transformer,
    channels,
    option = "in_channels",
    patch = 2,
    largestGrid = Number.POSITIVE_INFINITY,
    trainedAt = 1024,
    colours = 3,
  }: FlowNetwork,
) {
  const shape = vaeShape(vae);
  for (const name of ["in_channels", "out_channels"] as const)
    if (shape[name] !== colours) throw unsupported(vae)(name, `is ${shape[name]}; pictures have ${colours} channels`);
  if (channels !== shape.latent_channels)
    throw unsupported(transformer)(
      option,
      `${channels} does not match the VAE's latent_channels ${shape.latent_channels}`,
    );
  const scale = 2 ** (shape.levels - 1);
  const multipleOf = patch * scale;
  const most = Math.min(largestSide, largestGrid * multipleOf);
  const maxSide = most - (most % multipleOf);
  const trained = Math.min(maxSide, trainedAt - (trainedAt % multipleOf));
  return {
    ...{ scale, multipleOf, minSide: multipleOf, maxSide, defaultWidth: trained, defaultHeight: trained },
    latentChannels: shape.latent_channels,
    ...vaeLatents(vae),
    guidance: "classifier-free",
    startsFromPicture: true,
    encodesPictureOnce: true,
    textLayers: 0,
    selfAttentions: [],
  } satisfies Partial<Traits>;
}

/** How a VAE's latents are shifted and scaled: not at all where it is a tiny one. @throws ModelError */
function vaeLatents(vae: ModelPart): Pick<Traits, "scalingFactor" | "shiftFactor"> {
  if (isTinyVae(vae.config)) return { scalingFactor: vaeScaling(vae) };
  // FLUX.2's are normalised by statistics in its weights, Qwen-Image's channel by channel.
  if (/^AutoencoderKL(Flux2|QwenImage|QwenImage21)$/.test(String(vae.config._class_name))) return { scalingFactor: 1 };
  const { shift_factor: shift } = vae.config;
  if (shift != null && !Number.isFinite(shift)) throw unsupported(vae)("shift_factor", "must be a number");
  const byDefault = vae.config._class_name === "AutoencoderDC" ? 1 : 0.18215;
  return { scalingFactor: scalingFactorOf(vae, byDefault), shiftFactor: (shift as number | undefined) ?? 0 };
}
