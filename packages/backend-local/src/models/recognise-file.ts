import { modelError } from "../files/model-error.ts";
import { TensorNames } from "../files/tensor-names.ts";
import type { Weights } from "../files/weights.ts";
import { deducedQwenVae21 } from "./deduced/deduced-qwen-vae-21.ts";
import { deducedText, inPlace } from "./deduced/deduced-text.ts";
import { deducedQwenVae, deducedTinyVae, deducedVae } from "./deduced/deduced-vae.ts";
import { looksLike } from "./looks-like.ts";
import { type CheckpointOptions, modelAround, originalUnetPrefix, readCheckpoint } from "./original/checkpoint.ts";
import { readFlow, textOf } from "./original/flow-checkpoint.ts";
import { foundFlow } from "./original/flow-kinds.ts";
import { originalUpscaler } from "./original/original-upscaler.ts";
import { originalTinyVae, originalVae } from "./original/original-vae.ts";
import { originalQwenVae21, originalWanVae } from "./original/original-wan-vae.ts";
import type { PartName, RecognisedModel, RecognisedPart } from "./recognised-model.ts";
import { requireStatedArchitecture, requireStatedText } from "./stated-architecture.ts";

/** What one weights file holds: a model, whole or in part, or a single network. */
export type RecognisedFile =
  | { readonly kind: "model"; readonly model: RecognisedModel }
  | { readonly kind: "network"; readonly part: "vae" | "textEncoder"; readonly network: RecognisedPart };

/** What files are understood, for messages. */
export const supportedFiles =
  "checkpoints of Stable Diffusion 1, 2 and XL in the original naming, transformers of FLUX.1, FLUX.2 klein, FLUX.3 klein, Z-Image, Stable Diffusion 3, Qwen-Image (2.1, too), Krea 2, Chroma, PixArt-Σ, Sana and AuraFlow alone or with their other parts, upscalers (ESRGAN, Real-ESRGAN), and single UNets, VAEs (TAESD too) and text encoders (CLIP, T5, UMT5, Qwen 3, Qwen2.5-VL, Qwen3-VL)";

/**
 * Tells what a weights file is from its tensors' names and shapes alone.
 *
 * @throws {@link ModelError} saying what it looks like and what is supported.
 */
export async function recogniseFile(weights: Weights, options: CheckpointOptions = {}): Promise<RecognisedFile> {
  // A LoRA or a ControlNet has the names of the network that it changes: what is marked so is nothing else.
  const upscaler = originalUpscaler(weights);
  if (upscaler !== undefined) return { kind: "model", model: upscaler };
  const looks = looksLike(weights);
  const names = new TensorNames(weights);
  if (looks === undefined || !isAdapter(looks)) {
    const prefix = originalUnetPrefix(weights);
    if (prefix !== undefined) return modelOf(weights, await readCheckpoint(weights, prefix, options));
    const flow = foundFlow(weights);
    if (flow !== undefined) return modelOf(weights, readFlow(weights, flow));
    if (names.has("down_blocks.0.resnets.0") && names.has("time_embedding"))
      return modelOf(weights, await modelAround(weights, weights, options));
    const network = singleNetwork(weights, names);
    if (network !== undefined) {
      requireStatedText(weights, network.network.config);
      return { kind: "network", ...network };
    }
  }
  const { source: file } = weights;
  const what = looks === undefined ? "holds no model that is known here" : `looks like ${looks}`;
  throw modelError("unsupported", `${file} ${what}; supported are ${supportedFiles}`, { file });
}

function modelOf(weights: Weights, model: RecognisedModel): RecognisedFile {
  requireStatedArchitecture(weights, model.pipeline);
  return { kind: "model", model };
}

/**
 * The network that a file holds in one role.
 *
 * @throws {@link ModelError} where it holds none, naming what it is instead.
 */
export function networkOf(file: RecognisedFile, role: PartName, source: string): RecognisedPart {
  if (file.kind === "model") {
    const part = file.model.parts[role];
    if (part !== undefined) return part;
    const has = Object.keys(file.model.parts).join(", ");
    throw modelError("unsupported", `${source}: it holds ${has}, and no ${role}`, {
      file: source,
      option: `parts.${role}`,
    });
  }
  if (file.part === role || (file.part === "textEncoder" && role.startsWith("textEncoder")))
    return inPlace(role, file.network);
  const message = `${source}: it is a ${titles[file.part]}, and no ${titles[role]}`;
  throw modelError("unsupported", message, { file: source, option: `parts.${role}` });
}

const titles: Readonly<Record<PartName, string>> = {
  unet: "UNet",
  transformer: "transformer",
  vae: "VAE",
  textEncoder: "text encoder",
  textEncoder2: "second text encoder",
  textEncoder3: "third text encoder",
  upscaler: "upscaler",
};

function isAdapter(looks: string): boolean {
  return /LoRA|ControlNet|Adapter|AnimateDiff|upscaler/.test(looks);
}

/** A network alone, in diffusers' names or the original's. */
function singleNetwork(weights: Weights, names: TensorNames) {
  const part = (name: "vae" | "textEncoder", of: Weights, config: Record<string, unknown>) => ({
    part: name,
    network: { config, weights: of },
  });
  if (names.has("decoder.upsamples.0.upsamples.0")) {
    const vae = originalQwenVae21({ weights, prefix: "" });
    return part("vae", vae, deducedQwenVae21(vae));
  }
  if (names.has("decoder.middle.0.residual") && names.has("decoder.upsamples.0")) {
    const vae = originalWanVae({ weights, prefix: "" });
    return part("vae", vae, deducedQwenVae(vae));
  }
  if (names.has("decoder.up_blocks.0.upsampler.resample")) return part("vae", weights, deducedQwenVae21(weights));
  if (names.has("decoder.up_blocks.0.resnets") && weights.find("decoder.norm_out.gamma") !== undefined)
    return part("vae", weights, deducedQwenVae(weights));
  if (names.has("decoder.up_blocks.0.resnets") || names.has("encoder.down_blocks.0.resnets"))
    return part("vae", weights, deducedVae(weights));
  const prefix = ["", "first_stage_model.", "vae."].find(
    (each) => names.has(`${each}decoder.up.0.block`) || names.has(`${each}encoder.down.0.block`),
  );
  if (prefix !== undefined) {
    const vae = originalVae({ weights, prefix });
    return part("vae", vae, deducedVae(vae));
  }
  if (names.has("decoder.layers.0") || names.has("encoder.layers.0.conv") || names.has("encoder.layers.1.conv"))
    return part("vae", weights, deducedTinyVae(weights));
  if (names.has("3.conv.0") || names.has("1.conv.0")) {
    const vae = originalTinyVae({ weights, prefix: "" }, names.has("1.conv.0") ? "encoder" : "decoder");
    return part("vae", vae, deducedTinyVae(vae));
  }
  if (
    names.has("text_model.encoder.layers.0") ||
    (names.has("encoder.layers.0.self_attn") && names.has("final_layer_norm"))
  )
    return part("textEncoder", weights, deducedText(weights));
  if (texts.some((module) => names.has(module)) || biases.some((name) => weights.find(name) !== undefined))
    return { part: "textEncoder" as const, network: textOf({ weights, prefix: "" }) };
  return undefined;
}

/** Modules that give T5 and Qwen away, in transformers' and in llama.cpp's naming. */
const texts = [
  ...["encoder.block.0.layer.0.SelfAttention", "enc.blk.0.attn_q"],
  ...["layers.0.self_attn.q_norm", "model.layers.0.self_attn.q_norm", "blk.0.attn_q_norm"],
  // Qwen2.5-VL and Qwen3-VL see pictures beside.
  ...["visual.blocks.0", "model.visual.blocks.0"],
  ...["language_model.layers.0.self_attn.q_norm", "model.language_model.layers.0.self_attn.q_norm"],
];

/** Qwen2.5's layers are as many language models', but for these. */
const biases = ["layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.q_proj.bias", "blk.0.attn_q.bias"];
