import type { GraphBuilder, Link } from "./graph.ts";
import type { Plan } from "./plan.ts";

/** The three parts of a pipeline. */
export interface Pipeline {
  model: Link;
  clip: Link;
  vae: Link;
}

/** Loads the diffusion model, text encoder and VAE, and puts LoRAs, CLIP skip and the sampling shift over them. */
export function loadPipeline(g: GraphBuilder, plan: Plan): Pipeline {
  const base = plan.model?.kind === "diffusion-model" ? fromParts(g, plan) : fromCheckpoint(g, plan);
  const withVae = plan.vae === undefined ? base : { ...base, vae: g.add("vae", "VAELoader", { vae_name: plan.vae })() };
  return shiftSampling(g, plan, skipClip(g, plan, addLoras(g, plan, withVae)));
}

function fromCheckpoint(g: GraphBuilder, plan: Plan): Pipeline {
  const checkpoint = g.add(
    "checkpoint",
    "CheckpointLoaderSimple",
    { ckpt_name: plan.model?.name ?? "" },
    { ckpt_name: "model" },
  );
  const clip = plan.textEncoders.length > 0 ? textEncoder(g, plan) : checkpoint(1);
  return { model: checkpoint(0), clip, vae: checkpoint(2) };
}

function fromParts(g: GraphBuilder, plan: Plan): Pipeline {
  const unet = g.add(
    "diffusion-model",
    "UNETLoader",
    { unet_name: plan.model?.name ?? "", weight_dtype: "default" },
    { unet_name: "model" },
  );
  return { model: unet(), clip: textEncoder(g, plan), vae: ["vae", 0] };
}

/** CLIPLoader's type by family: what the files' weights are read as. */
const clipType = {
  sd: "stable_diffusion",
  sdxl: "stable_diffusion",
  sd3: "sd3",
  flux: "flux",
  "qwen-image": "qwen_image",
  "z-image": "lumina2",
  flux2: "flux2",
  flux3: "flux3",
  krea2: "krea2",
  "qwen-image-2.1": "qwen_image",
} as const;

function textEncoder(g: GraphBuilder, plan: Plan): Link {
  const [first = "", second, third] = plan.textEncoders;
  if (third !== undefined && second !== undefined) {
    return g.add("text-encoder", "TripleCLIPLoader", { clip_name1: first, clip_name2: second, clip_name3: third })();
  }
  if (second !== undefined) {
    const type = plan.family === "sdxl" ? "sdxl" : clipType[plan.family];
    return g.add("text-encoder", "DualCLIPLoader", { clip_name1: first, clip_name2: second, type })();
  }
  return g.add("text-encoder", "CLIPLoader", { clip_name: first, type: clipType[plan.family] })();
}

function addLoras(g: GraphBuilder, plan: Plan, pipeline: Pipeline): Pipeline {
  let { model, clip } = pipeline;
  for (const [i, lora_name] of plan.loras.entries()) {
    const { strength: strength_model, textEncoderStrength: strength_clip = strength_model } = plan.request.loras[i]!;
    const field = `loras[${i}]`;
    const lora = g.add(
      `lora-${i + 1}`,
      "LoraLoader",
      { model, clip, lora_name, strength_model, strength_clip },
      {
        lora_name: `${field}.model`,
        strength_model: `${field}.strength`,
        strength_clip: `${field}.textEncoderStrength`,
      },
    );
    model = lora(0);
    clip = lora(1);
  }
  return { ...pipeline, model, clip };
}

function skipClip(g: GraphBuilder, { request: { clipSkip = 1 } }: Plan, pipeline: Pipeline): Pipeline {
  if (clipSkip === 1) return pipeline;
  const inputs = { clip: pipeline.clip, stop_at_clip_layer: -clipSkip };
  return { ...pipeline, clip: g.add("clip-skip", "CLIPSetLastLayer", inputs, { stop_at_clip_layer: "clipSkip" })() };
}

/** Flow-matching models whose published sampling is shifted. */
function shiftSampling(g: GraphBuilder, { family }: Plan, pipeline: Pipeline): Pipeline {
  const { model } = pipeline;
  if (family === "sd3") return { ...pipeline, model: g.add("shift", "ModelSamplingSD3", { model, shift: 3 })() };
  if (family === "qwen-image-2.1") {
    // What a step computes of text and reference pictures is the same at every step.
    const cached = g.add("cache", "QwenImage21Cache", { model, device: "auto", dtype: "default" })();
    return { ...pipeline, model: cached };
  }
  const shift = family === "qwen-image" ? 3.1 : family === "z-image" ? 3 : undefined;
  if (shift === undefined) return pipeline;
  return { ...pipeline, model: g.add("shift", "ModelSamplingAuraFlow", { model, shift })() };
}
