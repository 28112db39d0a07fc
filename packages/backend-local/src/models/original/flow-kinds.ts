import { basename } from "node:path";
import { TensorNames } from "../../files/tensor-names.ts";
import type { Weights } from "../../files/weights.ts";
import {
  deducedAuraFlow,
  deducedChroma,
  deducedFlux1,
  deducedFlux2,
  deducedFlux3,
  deducedKrea2,
  deducedPixArt,
  deducedQwenImage,
  deducedQwenImage21,
  deducedSana,
  deducedSD3,
  deducedZImage,
} from "../deduced/deduced-transformers.ts";
import type { RecognisedModel } from "../recognised-model.ts";
import { originalAuraFlow } from "./original-auraflow.ts";
import { originalChroma, originalFlux1, originalFlux2 } from "./original-flux.ts";
import { originalFlux3 } from "./original-flux3.ts";
import { originalKrea2 } from "./original-krea2.ts";
import { originalPixArt } from "./original-pixart.ts";
import { originalQwenImage21 } from "./original-qwen-image-21.ts";
import { originalSana } from "./original-sana.ts";
import { originalSD3 } from "./original-sd3.ts";
import { originalZImage } from "./original-z-image.ts";
import { type Source, sameNames } from "./renaming.ts";

/** One kind of transformer for flows, as it is found in files. */
export interface FlowKind {
  /** A module that its transformer has and no other kind's: in its authors' naming, and in diffusers'. */
  readonly original: readonly string[];
  readonly diffusers: readonly string[];
  /** Modules that tell it from others that share those. */
  readonly without?: readonly string[];
  /** From its authors' naming to diffusers'. */
  rename(source: Source): Weights;
  /** Its config, from tensors under diffusers' names. */
  deduce(weights: Weights): Record<string, unknown>;
  /** All else of a model around it; `file` is its name. */
  around(config: Readonly<Record<string, unknown>>, file: string): Omit<RecognisedModel, "parts">;
  /** Where a checkpoint of all parts keeps its text encoders. */
  readonly texts: Readonly<Partial<Record<"textEncoder" | "textEncoder2" | "textEncoder3", readonly string[]>>>;
}

const flowEuler = { _class_name: "FlowMatchEulerDiscreteScheduler", num_train_timesteps: 1000 };
const byPicture = {
  ...{ use_dynamic_shifting: true, base_shift: 0.5, max_shift: 1.15, shift: 3 },
  ...{ base_image_seq_len: 256, max_image_seq_len: 4096 },
};
const fluxLatents = { scaling_factor: 0.3611, shift_factor: 0.1159 };
const comfy = (name: string) => `text_encoders.${name}.transformer.`;

const flux1: FlowKind = {
  original: ["double_blocks.0.img_attn.norm.key_norm", "single_blocks.0.modulation"],
  diffusers: ["transformer_blocks.0.attn.norm_added_k", "single_transformer_blocks.0.proj_mlp", "time_text_embed"],
  // Chroma's blocks have the same names.
  without: ["distilled_guidance_layer"],
  rename: originalFlux1,
  deduce: deducedFlux1,
  around: ({ in_channels, out_channels, guidance_embeds }) => ({
    pipeline: in_channels === out_channels ? "FluxPipeline" : "FluxFillPipeline",
    scheduler: guidance_embeds ? { ...flowEuler, ...byPicture } : { ...flowEuler, shift: 1 },
    tokenizers: { tokenizer: "clip-l", tokenizer2: "t5" },
    latents: fluxLatents,
    options: {},
  }),
  texts: { textEncoder: [comfy("clip_l")], textEncoder2: [comfy("t5xxl")] },
};

const flux2: FlowKind = {
  original: ["double_stream_modulation_img.lin"],
  diffusers: ["double_stream_modulation_img.linear"],
  rename: originalFlux2,
  deduce: deducedFlux2,
  around: (_config, file) => ({
    pipeline: "Flux2KleinPipeline",
    scheduler: { ...flowEuler, ...byPicture },
    tokenizers: { tokenizer: "qwen" },
    latents: {},
    // The weights of klein and of its base are alike in all but their values.
    options: { is_distilled: !/base/i.test(basename(file)) },
  }),
  texts: { textEncoder: [comfy("qwen3_4b"), comfy("qwen3_8b")] },
};

const zImage: FlowKind = {
  // Lumina 2 has no learned padding.
  original: ["cap_embedder.1", "noise_refiner.0.adaLN_modulation.0", "x_embedder"],
  diffusers: ["cap_embedder.1", "noise_refiner.0.adaLN_modulation.0", "all_x_embedder.2-1"],
  rename: originalZImage,
  deduce: deducedZImage,
  around: (_config, file) => ({
    pipeline: "ZImagePipeline",
    scheduler: { ...flowEuler, shift: isBaseZImage(basename(file)) ? 6 : 3 },
    tokenizers: { tokenizer: "qwen" },
    latents: fluxLatents,
    options: {},
  }),
  texts: { textEncoder: [comfy("qwen3_4b")] },
};

const sd3: FlowKind = {
  original: ["joint_blocks.0.x_block", "y_embedder"],
  diffusers: ["transformer_blocks.0.attn.add_q_proj", "pos_embed.proj", "time_text_embed.text_embedder"],
  rename: originalSD3,
  deduce: deducedSD3,
  around: () => ({
    pipeline: "StableDiffusion3Pipeline",
    scheduler: { ...flowEuler, shift: 3 },
    tokenizers: { tokenizer: "clip-l", tokenizer2: "openclip", tokenizer3: "t5" },
    optional: ["textEncoder3"],
    latents: { scaling_factor: 1.5305, shift_factor: 0.0609 },
    options: {},
  }),
  texts: { textEncoder: [comfy("clip_l")], textEncoder2: [comfy("clip_g")], textEncoder3: [comfy("t5xxl")] },
};

/** What kind of an editor a Qwen-Image is, by its file's name: those of 2509 and later take several pictures. */
function editorOf(config: Readonly<Record<string, unknown>>, name: string): "" | "Edit" | "EditPlus" {
  if (config["zero_cond_t"] === true) return "EditPlus";
  if (!/edit/i.test(name)) return "";
  return /25(09|1\d)|plus|rapid/i.test(name) ? "EditPlus" : "Edit";
}

/** As published of Qwen-Image 1.x and 2.1. */
const qwenSchedule = {
  ...{ use_dynamic_shifting: true, base_shift: 0.5, max_shift: 0.9, shift: 1, shift_terminal: 0.02 },
  ...{ base_image_seq_len: 256, max_image_seq_len: 8192 },
};
const qwenImageNames = ["transformer_blocks.0.txt_mod", "txt_norm", "img_in"];
const qwenImage: FlowKind = {
  // All have diffusers' names, with or without a prefix.
  original: qwenImageNames,
  diffusers: qwenImageNames,
  rename: sameNames,
  deduce: deducedQwenImage,
  // An editor's weights are alike in all but their values.
  around: (config, file) => ({
    pipeline: `QwenImage${editorOf(config, basename(file))}Pipeline`,
    scheduler: { ...flowEuler, ...qwenSchedule },
    tokenizers: { tokenizer: "qwen" },
    latents: {},
    options: {},
  }),
  texts: { textEncoder: [comfy("qwen25_7b")] },
};

const qwenImage21: FlowKind = {
  original: ["txt_in.text_norm", "modulation.1", "transformer_blocks.0.img_mlp.gate_up"],
  diffusers: ["txt_in.text_norm", "modulation.1", "transformer_blocks.0.img_mlp.gate_layer"],
  rename: originalQwenImage21,
  deduce: deducedQwenImage21,
  around: (_config, file) => ({
    pipeline: "QwenImage21Pipeline",
    ...(/turbo/i.test(basename(file)) ? turbo21 : { scheduler: { ...flowEuler, ...qwenSchedule }, options: {} }),
    tokenizers: { tokenizer: "qwen" },
    latents: {},
  }),
  texts: { textEncoder: [comfy("qwen3vl_8b")] },
};

/** The levels that Qwen-Image 2.1 Turbo was distilled at, as published. */
const turbo21 = {
  scheduler: { ...flowEuler, shift: 1 },
  options: { sample_sigmas: [1, 0.978453, 0.95418, 0.926626, 0.89508, 0.845148, 0.704534, 0.414568] },
};

const krea2: FlowKind = {
  original: ["txtfusion.projector", "tmlp.0"],
  diffusers: ["text_fusion.projector", "time_embed.linear_1"],
  rename: originalKrea2,
  deduce: deducedKrea2,
  around: (_config, file) => ({
    pipeline: "Krea2Pipeline",
    scheduler: { ...flowEuler, ...byPicture, shift: 1, max_image_seq_len: 6400 },
    tokenizers: { tokenizer: "qwen" },
    latents: {},
    // The weights of Turbo and of the base model, published as Raw, are alike in all but their values.
    options: { is_distilled: !/raw|base/i.test(basename(file)) },
  }),
  texts: { textEncoder: [comfy("qwen3vl_4b")] },
};

const flux3: FlowKind = {
  original: ["early_stream_modulations.image.lin"],
  diffusers: ["early_stream_modulations.image.linear"],
  rename: originalFlux3,
  deduce: deducedFlux3,
  around: ({ flow_map }) => ({
    pipeline: flow_map ? "Flux3DistilledModularPipeline" : "Flux3ModularPipeline",
    scheduler: { ...flowEuler, shift: 6.93 },
    tokenizers: { tokenizer: "qwen" },
    latents: {},
    options: {},
  }),
  texts: { textEncoder: [comfy("qwen3vl_4b")] },
};

const chroma: FlowKind = {
  original: ["double_blocks.0.img_attn.norm.key_norm", "distilled_guidance_layer.in_proj", "img_in"],
  diffusers: ["transformer_blocks.0.attn.norm_added_k", "distilled_guidance_layer.in_proj"],
  rename: originalChroma,
  deduce: deducedChroma,
  around: () => ({
    pipeline: "ChromaPipeline",
    // ComfyUI has the same μ, 1.15, at any size.
    scheduler: { ...flowEuler, shift: Math.exp(1.15) },
    tokenizers: { tokenizer: "t5" },
    latents: fluxLatents,
    options: {},
  }),
  texts: { textEncoder: [comfy("t5xxl")] },
};

const pixart: FlowKind = {
  original: ["blocks.0.cross_attn.kv_linear", "t_block.1", "y_embedder.y_proj"],
  diffusers: [
    "transformer_blocks.0.attn2.to_k",
    "adaln_single.linear",
    "caption_projection.linear_1",
    "pos_embed.proj",
  ],
  // PixArt-α's.
  without: ["csize_embedder", "adaln_single.emb.resolution_embedder"],
  rename: originalPixArt,
  deduce: deducedPixArt,
  around: () => ({
    pipeline: "PixArtSigmaPipeline",
    scheduler: {
      ...{ _class_name: "DPMSolverMultistepScheduler", num_train_timesteps: 1000 },
      ...{ beta_start: 0.0001, beta_end: 0.02, beta_schedule: "linear" },
    },
    tokenizers: { tokenizer: "t5" },
    // Stable Diffusion XL's.
    latents: { scaling_factor: 0.13025 },
    options: {},
  }),
  texts: { textEncoder: [comfy("t5xxl")] },
};

const auraflow: FlowKind = {
  original: ["double_layers.0.attn.w1q", "cond_seq_linear", "init_x_linear"],
  diffusers: ["joint_transformer_blocks.0.attn.add_q_proj", "context_embedder", "time_step_proj.linear_1"],
  rename: originalAuraFlow,
  deduce: deducedAuraFlow,
  around: () => ({
    pipeline: "AuraFlowPipeline",
    scheduler: { ...flowEuler, shift: 1.73 },
    // Llama 2's, which its licence keeps out of this package.
    tokenizers: {},
    // Stable Diffusion XL's.
    latents: { scaling_factor: 0.13025 },
    options: {},
  }),
  texts: { textEncoder: [comfy("pile_t5xl")] },
};

const sana: FlowKind = {
  original: ["blocks.0.mlp.inverted_conv.conv", "attention_y_norm", "t_block.1"],
  diffusers: ["transformer_blocks.0.ff.conv_inverted", "caption_norm", "time_embed.linear"],
  // Sprint's, which is told its guidance; ControlNets have blocks of the same names.
  without: ["cfg_embedder", "time_embed.guidance_embedder", "controlnet_blocks.0"],
  rename: originalSana,
  deduce: deducedSana,
  around: ({ sample_size }) => ({
    pipeline: "SanaPipeline",
    scheduler: {
      ...{ _class_name: "DPMSolverMultistepScheduler", num_train_timesteps: 1000 },
      ...{ prediction_type: "flow_prediction", use_flow_sigmas: true, flow_shift: sample_size === 128 ? 6 : 3 },
    },
    // Gemma's, which its terms keep out of this package.
    tokenizers: {},
    latents: { scaling_factor: 0.41407 },
    options: {},
  }),
  texts: {},
};

/** Turbo is what nearly all files are, and the two differ in values alone: the base model's are called so, or as it was published. */
function isBaseZImage(name: string): boolean {
  return (
    !/turbo|zit/i.test(name) && (/base/i.test(name) || /^z[-_ ]?image([-_.](bf16|fp16|fp8|int8|q\d)|\.)/i.test(name))
  );
}

const kinds: readonly FlowKind[] = [
  ...[flux1, flux2, zImage, sd3, qwenImage, qwenImage21],
  // Sana's own names are PixArt's and more.
  ...[krea2, flux3, chroma, sana, pixart, auraflow],
];
const prefixes = ["model.diffusion_model.", "diffusion_model.", "transformer.", "model.", ""];

/** A flow's transformer that was found in a file, under diffusers' names. */
export interface FoundFlow {
  kind: FlowKind;
  weights: Weights;
}

/** The transformer of a flow that a file holds, in its authors' naming or in diffusers'; undefined where there is none. @throws ModelError */
export function foundFlow(weights: Weights): FoundFlow | undefined {
  const names = new TensorNames(weights);
  for (const prefix of prefixes)
    for (const kind of kinds) {
      const has = (modules: readonly string[]) => modules.every((module) => names.has(`${prefix}${module}`));
      if (kind.without?.some((module) => names.has(`${prefix}${module}`))) continue;
      if (has(kind.original)) return { kind, weights: kind.rename({ weights, prefix }) };
      if (has(kind.diffusers)) return { kind, weights: sameNames({ weights, prefix }) };
    }
  return undefined;
}
