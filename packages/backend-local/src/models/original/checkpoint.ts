import { readTensor } from "../../files/read-tensor.ts";
import type { Weights } from "../../files/weights.ts";
import { deducedText } from "../deduced/deduced-text.ts";
import { deducedUnet } from "../deduced/deduced-unet.ts";
import { deducedVae } from "../deduced/deduced-vae.ts";
import type { RecognisedModel, RecognisedPart } from "../recognised-model.ts";
import { clipText, openClipText } from "./original-text.ts";
import { originalUnet } from "./original-unet.ts";
import { originalVae } from "./original-vae.ts";
import { type PredictionType, predictionOf } from "./prediction.ts";
import type { Source } from "./renaming.ts";
import { type SchedulerKind, schedulerOf } from "./schedulers.ts";

/** What the caller knows better than the file. */
export interface CheckpointOptions {
  /** What the network predicts, where the file's own marks are missing or wrong. */
  prediction?: PredictionType | undefined;
}

const unetPrefix = "model.diffusion_model.";
const vaePrefixes = ["first_stage_model.", "vae."];

/** Where the two kinds of text encoders stand, first and second. */
const textEncoders = {
  clip: ["cond_stage_model.transformer.", "conditioner.embedders.0.transformer."],
  openClip: ["cond_stage_model.model.", "conditioner.embedders.0.model."],
  second: "conditioner.embedders.1.model.",
} as const;

/** Whether a file has a UNet in the original naming, with the prefix that checkpoints give it or (a UNet alone) without. */
export function originalUnetPrefix(weights: Weights): string | undefined {
  return [unetPrefix, ""].find((prefix) => weights.find(`${prefix}input_blocks.0.0.weight`) !== undefined);
}

/**
 * Reads a checkpoint of Stable Diffusion 1, 2 or XL (and its refiner, inpainting, InstructPix2Pix and ×4 upscaler) in the naming of
 * CompVis' and Stability's own code. All comes from the tensors' names and shapes, and no weight is copied.
 *
 * @throws {@link ModelError} naming a tensor that has no place in such a model.
 */
export async function readCheckpoint(
  weights: Weights,
  prefix: string,
  options: CheckpointOptions = {},
): Promise<RecognisedModel> {
  return modelAround(weights, originalUnet({ weights, prefix }), options);
}

/** The model that a UNet, under diffusers' names, is the heart of, with what else of it `weights` hold. @throws ModelError */
export async function modelAround(
  weights: Weights,
  unetWeights: Weights,
  options: CheckpointOptions = {},
): Promise<RecognisedModel> {
  const unet = { config: deducedUnet(unetWeights), weights: unetWeights };
  const texts = readTexts(weights, unet);
  const kind = kindOf(weights, unet, texts.refiner);
  const prediction = await predictionOf(weights, {
    unet: unetWeights,
    option: options.prediction,
    fallback: kind.prediction,
  });
  const scheduler = await schedulerOf(weights, kind.scheduler, prediction);
  const size = kind.size ?? (prediction.type === "v_prediction" ? 96 : 64);
  const vaePrefix = vaePrefixes.find((each) => hasAny(weights, each));
  const latents = await kind.latents();
  const vae = vaePrefix === undefined ? undefined : vaeOf({ weights, prefix: vaePrefix }, latents);
  const config = { ...unet.config, ...texts.unet, sample_size: size };
  return {
    pipeline: kind.pipeline,
    parts: { unet: { config, weights: unet.weights }, ...(vae === undefined ? {} : { vae }), ...texts.parts },
    scheduler,
    tokenizers: texts.tokenizers,
    options: kind.options,
    latents,
  };
}

function vaeOf(source: Source, latents: Readonly<Record<string, unknown>>): RecognisedPart {
  const weights = originalVae(source);
  return { config: { ...deducedVae(weights), ...latents }, weights };
}

/** The text encoders, and what they tell about the UNet. */
function readTexts(weights: Weights, { config }: RecognisedPart): Texts {
  const { addition_embed_type: added, projection_class_embeddings_input_dim: inputs } = config;
  const xl = added === "text_time";
  const clip = textEncoders.clip.find((prefix) => hasAny(weights, prefix));
  const open = [textEncoders.second, ...textEncoders.openClip].find((prefix) => hasAny(weights, prefix));
  const first = clip === undefined ? undefined : firstText({ weights, prefix: clip });
  const second = open === undefined ? undefined : secondText({ weights, prefix: open }, xl);
  if (!xl) {
    const textEncoder = second ?? first;
    const kind = second !== undefined || config.use_linear_projection === true ? "openclip" : "clip-l";
    return { refiner: false, unet: {}, parts: textEncoder ? { textEncoder } : {}, tokenizers: { tokenizer: kind } };
  }
  // The refiner attends to the second text encoder's states alone, which are 1280 wide as published.
  const refiner = config.cross_attention_dim === (second?.config.hidden_size ?? 1280);
  // The pooled text stands before the sizes, of which the refiner has five and the base six.
  const pooled = second?.config.projection_dim as number | undefined;
  const sizes = pooled === undefined ? 256 : ((inputs as number) - pooled) / (refiner ? 5 : 6);
  return {
    refiner,
    unet: { addition_time_embed_dim: sizes },
    parts: { ...(first && !refiner ? { textEncoder: first } : {}), ...(second ? { textEncoder2: second } : {}) },
    tokenizers: { ...(refiner ? {} : { tokenizer: "clip-l" as const }), tokenizer2: "openclip" },
  };
}

function firstText(source: Source): RecognisedPart {
  const weights = clipText(source);
  return { config: deducedText(weights, { hidden_act: "quick_gelu", projected: false }), weights };
}

function secondText(source: Source, projected: boolean): RecognisedPart {
  const weights = openClipText(source, { projected });
  return { config: deducedText(weights, { hidden_act: "gelu", projected }), weights };
}

interface Texts extends Pick<RecognisedModel, "parts" | "tokenizers"> {
  refiner: boolean;
  /** What they tell about the UNet's configuration. */
  unet: Readonly<Record<string, unknown>>;
}

function hasAny(weights: Weights, prefix: string): boolean {
  for (const name of weights.names()) if (name.startsWith(prefix)) return true;
  return false;
}

interface Kind {
  pipeline: string;
  scheduler: SchedulerKind;
  /** What it predicts where the file has no mark; where absent, the weights themselves are looked at. */
  prediction?: PredictionType;
  /** The side that it was trained at, in latents; where absent it follows from the prediction. */
  size?: number;
  options: Readonly<Record<string, unknown>>;
  /** How its VAE's latents are scaled. */
  latents(): Promise<Readonly<Record<string, unknown>>>;
}

function kindOf(weights: Weights, { config }: RecognisedPart, refiner: boolean): Kind {
  const { in_channels: channels, addition_embed_type: added, num_class_embeds: classes } = config;
  const scaled = (scaling_factor: number) => async () => ({ scaling_factor });
  if (classes !== undefined) {
    return {
      pipeline: "StableDiffusionUpscalePipeline",
      scheduler: "sd2",
      prediction: "v_prediction",
      size: 128,
      options: { max_noise_level: 350 },
      latents: scaled(0.08333),
    };
  }
  const task = channels === 9 ? "Inpaint" : channels === 8 ? "InstructPix2Pix" : "";
  if (added === "text_time") {
    return {
      pipeline: `StableDiffusionXL${refiner ? "Img2Img" : task}Pipeline`,
      scheduler: "xl",
      prediction: "epsilon",
      size: 128,
      options: {
        // As published, and as diffusers has it: the refiner encodes an empty negative prompt.
        force_zeros_for_empty_prompt: !refiner,
        ...(refiner ? { requires_aesthetics_score: true } : {}),
        // CosXL's editor alone sees the picture's latent scaled; its mark is CosXL's noise.
        ...(channels === 8 && weights.find("edm_vpred.sigma_max") !== undefined ? { is_cosxl_edit: true } : {}),
      },
      latents: () => xlLatents(weights),
    };
  }
  const sd2 = config.use_linear_projection === true;
  return {
    pipeline: `StableDiffusion${task}Pipeline`,
    scheduler: channels === 9 ? "inpainting" : channels === 8 ? "instruct-pix2pix" : sd2 ? "sd2" : "sd1",
    ...(sd2 && task === "" ? {} : { prediction: "epsilon", size: 64 }),
    options: {},
    latents: scaled(0.18215),
  };
}

/** SDXL's scale, or the means and deviations that Playground 2.5 has beside it. */
async function xlLatents(weights: Weights): Promise<Readonly<Record<string, unknown>>> {
  const [mean, deviation] = [weights.find("edm_mean"), weights.find("edm_std")];
  if (mean === undefined || deviation === undefined) return { scaling_factor: 0.13025 };
  const [latents_mean, latents_std] = await Promise.all([mean, deviation].map((tensor) => readTensor(tensor)));
  return { scaling_factor: 0.5, latents_mean: [...latents_mean!], latents_std: [...latents_std!] };
}
