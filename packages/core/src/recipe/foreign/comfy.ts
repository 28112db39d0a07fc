import { type ComfyGraph, type ComfyNode, ComfyWalk } from "./comfy-walk.ts";
import { textOf as inWords, parseJsonObject } from "./json-settings.ts";
import { promptSyntaxOf } from "./prompt-syntax.ts";
import type { ForeignSettings } from "./read-parameters.ts";
import { type Fields, keepValid } from "./valid-request.ts";

const outputs = /^(SaveImage|PreviewImage|SaveAnimatedWEBP|Image Save|SaveImageWebsocket)/;
const passImages = ["images", "image", "pixels"];
const samplers = ["KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"];
const upscales = ["LatentUpscale", "LatentUpscaleBy"];
const passModel = ["LoraLoader", "LoraLoaderModelOnly", "CLIPSetLastLayer"];
const loaders = ["CheckpointLoaderSimple", "CheckpointLoader", "UNETLoader", "unCLIPCheckpointLoader"];

/** What a sampling node asks for. */
interface Pass {
  fields: Fields;
  denoise: number;
  latent: ComfyNode | undefined;
  model: ComfyNode | undefined;
  positive: ComfyNode | undefined;
  negative: ComfyNode | undefined;
}

/** The graph that ComfyUI writes into a picture, as far as it is what a request can say; each node that isn't is noted. */
export function readComfyGraph(text: string): ForeignSettings | undefined {
  const graph = parseJsonObject(text);
  const isGraph = graph !== undefined && Object.values(graph).every(isNode) && Object.keys(graph).length > 0;
  if (!isGraph) return undefined;
  const walk = new ComfyWalk(graph as unknown as ComfyGraph);
  const sampler = findSampling(walk);
  if (sampler === undefined) {
    const classes = [...new Set(walk.nodes.map((node) => node.class_type))].slice(0, 8).join(", ");
    walk.settings.note("prompt", classes, "the graph has no sampling node that is known: run it as a workflow");
    return { tool: "comfyui", fields: { prompt: "" }, notes: walk.settings.notes };
  }
  const pass = passOf(walk, sampler);
  const latent = latentOf(walk, pass);
  const base = latent.first ?? pass;
  const { loras, clipSkip, model } = modelOf(walk, base);
  const distilled = distilledOf(walk, base);
  const fields: Fields = {
    ...base.fields,
    ...latent.fields,
    ...(distilled === undefined ? {} : { guidanceScale: distilled }),
    prompt: textOf(walk, base.positive) ?? "",
    negativePrompt: textOf(walk, base.negative) || undefined,
    loras: loras.length > 0 ? loras : undefined,
    clipSkip,
    noise: { convention: "comfyui", source: "torch-cpu" },
  };
  Object.assign(
    fields,
    promptSyntaxOf("comfyui", [fields.prompt, fields.negativePrompt], (message) =>
      walk.settings.notes.push({ field: "prompt", message }),
    ),
  );
  const valid = keepValid(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));
  return {
    tool: "comfyui",
    fields: valid.fields,
    ...(model === undefined ? {} : { model: { id: model } }),
    notes: [...walk.settings.notes, ...valid.notes],
  };
}

function isNode(value: unknown): value is ComfyNode {
  const { class_type, inputs } = (value ?? {}) as Partial<ComfyNode>;
  return typeof class_type === "string" && typeof inputs === "object" && inputs !== null;
}

/** The last sampling node before the picture that was saved. */
function findSampling(walk: ComfyWalk): ComfyNode | undefined {
  const saves = walk.nodes.filter((node) => outputs.test(node.class_type));
  if (saves.length > 1)
    walk.settings.note(
      "prompt",
      String(saves.length),
      "pictures are saved by this graph; the first of them is followed",
    );
  for (const node of walk.chain(saves[0], [...passImages, "samples"])) {
    if (samplers.includes(node.class_type)) return node;
    const isPlain = node === saves[0] || /^VAEDecode/.test(node.class_type);
    if (!isPlain) walk.unknown(node);
    if (node.class_type === "VAEDecodeTiled") walk.unknown(node);
  }
  return walk.nodes.find((node) => samplers.includes(node.class_type));
}

function passOf(walk: ComfyWalk, node: ComfyNode): Pass {
  if (node.class_type === "SamplerCustomAdvanced" || node.class_type === "SamplerCustom") return customPass(walk, node);
  const isAdvanced = node.class_type === "KSamplerAdvanced";
  const steps = walk.number(node, "steps");
  const [start, end] = isAdvanced ? [walk.number(node, "start_at_step"), walk.number(node, "end_at_step")] : [];
  if (isAdvanced && ((start ?? 0) > 0 || (end ?? 10_000) < (steps ?? 0)))
    walk.settings.note("startStep", `${start} to ${end}`, "a part of the steps is not followed");
  if (isAdvanced && node.inputs.add_noise === "disable")
    walk.settings.note("latent", "add_noise: disable", "sampling without noise of its own is not followed");
  return {
    fields: {
      steps,
      seed: walk.value(node, isAdvanced ? "noise_seed" : "seed"),
      guidanceScale: walk.number(node, "cfg"),
      sampler: walk.text(node, "sampler_name"),
      scheduler: walk.text(node, "scheduler"),
    },
    denoise: isAdvanced ? 1 : (walk.number(node, "denoise") ?? 1),
    latent: walk.linked(node, "latent_image"),
    model: walk.linked(node, "model"),
    positive: walk.linked(node, "positive"),
    negative: walk.linked(node, "negative"),
  };
}

/** Sampling put together from a noise, a guider, a sampler and sigmas. */
function customPass(walk: ComfyWalk, node: ComfyNode): Pass {
  const isAdvanced = node.class_type === "SamplerCustomAdvanced";
  const guider = isAdvanced ? walk.linked(node, "guider") : node;
  const sigmas = walk.linked(node, "sigmas");
  const select = walk.linked(node, "sampler");
  const noise = isAdvanced ? walk.linked(node, "noise") : node;
  if (sigmas !== undefined && sigmas.class_type !== "BasicScheduler") walk.unknown(sigmas);
  if (select !== undefined && select.class_type !== "KSamplerSelect") walk.unknown(select);
  if (noise !== undefined && isAdvanced && noise.class_type !== "RandomNoise") walk.unknown(noise);
  const isBasic = guider?.class_type === "BasicGuider";
  if (guider !== undefined && isAdvanced && !isBasic && guider.class_type !== "CFGGuider") walk.unknown(guider);
  return {
    fields: {
      steps: walk.number(sigmas, "steps"),
      seed: walk.value(noise, "noise_seed"),
      guidanceScale: isBasic ? 1 : walk.number(guider, "cfg"),
      sampler: walk.text(select, "sampler_name"),
      scheduler: walk.text(sigmas, "scheduler"),
    },
    denoise: walk.number(sigmas, "denoise") ?? 1,
    latent: walk.linked(node, "latent_image"),
    model: walk.linked(guider, "model") ?? walk.linked(sigmas, "model"),
    positive: walk.linked(guider, isBasic ? "conditioning" : "positive"),
    negative: isBasic ? undefined : walk.linked(guider, "negative"),
  };
}

/** The latent's size; a pass before this one, over an enlarged latent, makes this one a second pass. */
function latentOf(walk: ComfyWalk, pass: Pass, isFirst = false): { fields: Fields; first?: Pass } {
  const { latent, denoise } = pass;
  if (latent === undefined) return { fields: {} };
  if (upscales.includes(latent.class_type) && !isFirst) {
    const before = walk.linked(latent, "samples");
    if (before !== undefined && samplers.includes(before.class_type)) return secondPass(walk, pass, latent, before);
  }
  const width = walk.number(latent, "width");
  const height = walk.number(latent, "height");
  const isEmpty = /^Empty.*Latent/.test(latent.class_type);
  if (!isEmpty) {
    walk.settings.note(
      "image",
      latent.class_type,
      "the picture was made from another one, which the file doesn't hold: give that as image",
    );
    if (denoise < 1) walk.settings.note("strength", String(denoise), "goes with the picture that it was made from");
    return { fields: {} };
  }
  if ((walk.number(latent, "batch_size") ?? 1) > 1)
    walk.settings.note(
      "count",
      latent.inputs.batch_size,
      "pictures were made at once, and the file doesn't say which this is",
    );
  if (denoise < 1)
    walk.settings.note("strength", String(denoise), "a part of the noise over an empty latent is not followed");
  return { fields: { width, height } };
}

function secondPass(
  walk: ComfyWalk,
  pass: Pass,
  upscale: ComfyNode,
  before: ComfyNode,
): { fields: Fields; first: Pass } {
  const first = passOf(walk, before);
  // Passes before this one are noted as the picture that it was made from: a request has no third.
  const { fields } = latentOf(walk, first, true);
  const width = walk.number(upscale, "width");
  const scale = walk.number(upscale, "scale_by") ?? (width && fields.width ? width / Number(fields.width) : undefined);
  for (const name of ["sampler", "scheduler", "guidanceScale", "seed"] as const) {
    if (pass.fields[name] !== first.fields[name])
      walk.settings.note(
        `hires.${name}`,
        inWords(pass.fields[name]),
        "the second pass has its own, which is not followed",
      );
  }
  const hires = {
    scale,
    strength: pass.denoise,
    steps: pass.fields.steps,
    upscaler: walk.text(upscale, "upscale_method"),
  };
  return { fields: { ...fields, hires }, first };
}

function modelOf(walk: ComfyWalk, { model, positive }: Pass) {
  const loras: object[] = [];
  let clipSkip: number | undefined;
  let id: string | undefined;
  const encoder = [...walk.chain(positive, ["conditioning", "positive", "conditioning_1"])].at(-1);
  const clip = new Set(walk.chain(walk.linked(encoder, "clip"), ["clip"]));
  for (const node of [...walk.chain(model, ["model"])]) {
    const kind = node.class_type;
    if (loaders.includes(kind)) id = walk.text(node, "ckpt_name") ?? walk.text(node, "unet_name");
    else if (kind === "LoraLoader" || kind === "LoraLoaderModelOnly") loras.push(loraOf(walk, node, clip.has(node)));
    else if (!passModel.includes(kind)) walk.unknown(node);
  }
  for (const node of clip) {
    if (node.class_type === "CLIPSetLastLayer") clipSkip = -(walk.number(node, "stop_at_clip_layer") ?? -1);
  }
  return { loras: loras.reverse(), clipSkip, model: id };
}

/** The scale that a model was distilled with: its guidance, where the sampler's own does nothing. */
function distilledOf(walk: ComfyWalk, { positive, fields }: Pass): number | undefined {
  const nodes = [...walk.chain(positive, ["conditioning", "positive", "conditioning_1"])];
  const node = nodes.find(({ class_type: kind }) => kind === "FluxGuidance");
  if (node === undefined) return undefined;
  if (fields.guidanceScale === 1) return walk.number(node, "guidance");
  walk.unknown(node);
  return undefined;
}

function loraOf(walk: ComfyWalk, node: ComfyNode, isOnClip: boolean): object {
  const strength = walk.number(node, "strength_model") ?? 1;
  const text = isOnClip ? (walk.number(node, "strength_clip") ?? strength) : 0;
  return {
    model: walk.text(node, "lora_name") ?? "",
    strength,
    ...(text === strength ? {} : { textEncoderStrength: text }),
  };
}

/** The text of a conditioning; nodes that change it on the way are noted. */
function textOf(walk: ComfyWalk, from: ComfyNode | undefined): string | undefined {
  for (const node of walk.chain(from, ["conditioning", "positive", "conditioning_1"])) {
    if (node.class_type === "CLIPTextEncode") return walk.text(node, "text");
    if (node.class_type === "CLIPTextEncodeSDXL") {
      const [large, small] = [walk.text(node, "text_g"), walk.text(node, "text_l")];
      if (large !== small) walk.settings.note("prompt", small, "the second text encoder's own prompt is not followed");
      return large;
    }
    if (node.class_type === "ConditioningZeroOut") return undefined;
    if (node.class_type === "FluxGuidance") continue;
    walk.unknown(node);
  }
  return undefined;
}
