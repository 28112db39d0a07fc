import type { FileHandle } from "node:fs/promises";
import { modelError } from "../../files/model-error.ts";
import { readSafetensors, type WeightTensor } from "../../files/safetensors.ts";
import { auraflowLayer, type LoraTarget, readLoraKey } from "./lora-keys.ts";

/** One layer's tensors of a LoRA, by role. */
export interface LoraLayer {
  target: LoraTarget;
  layer: string;
  tensors: ReadonlyMap<string, WeightTensor>;
}

/** A LoRA's file: which layers it changes, and with which tensors. No tensor is read. */
export interface LoraFile {
  path: string;
  layers: readonly LoraLayer[];
  /** Names that no naming accounts for. */
  unknown: readonly string[];
  /** What it is of, where its names are no UNet's. */
  foreign?: string;
  /** PEFT's settings by layer, where the file carries them: `lora_adapter_metadata`. */
  alphas: (layer: LoraLayer) => { alpha?: number; rank?: number } | undefined;
  /** It, open, where many of its tensors are read. */
  opened?: FileHandle;
}

/**
 * Reads the header of a LoRA, LoHa, LoKr or DoRA in kohya's, LyCORIS', PEFT's or diffusers' older naming.
 *
 * @throws {@link ModelError} for a file that is none, or is malformed.
 */
export async function readLora(path: string): Promise<LoraFile> {
  const { tensors, metadata } = await readSafetensors(path);
  const layers = new Map<string, { target: LoraTarget; layer: string; tensors: Map<string, WeightTensor> }>();
  const unknown: string[] = [];
  for (const tensor of tensors.values()) {
    const key = readLoraKey(tensor.name);
    if (key === undefined) {
      unknown.push(tensor.name);
      continue;
    }
    const { target, layer, role } = key;
    const id = `${target}.${layer}`;
    const entry = layers.get(id) ?? { target, layer, tensors: new Map() };
    entry.tensors.set(role, tensor);
    layers.set(id, entry);
  }
  if (layers.size === 0) {
    const message = `${path} is not a LoRA: none of its ${tensors.size} tensors has a LoRA's name (lora_down, lora_A, hada_w1_a, lokr_w1 …)`;
    throw modelError("unsupported", message, { file: path });
  }
  const all = [...layers.values()];
  const foreign = familyOfNames(all);
  return {
    path,
    layers: all,
    unknown,
    ...(foreign !== undefined && { foreign }),
    alphas: peftAlphas(metadata.lora_adapter_metadata),
  };
}

/** What a LoRA is of whose names are not a UNet's. */
function familyOfNames(layers: readonly LoraLayer[]): string | undefined {
  const names = layers.map(({ layer }) => layer);
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/^(?:content_|txt_)?mode_blocks_/)) return "FLUX.3";
  if (has(auraflowLayer)) return "AuraFlow";
  if (has(/^(?:double_blocks|single_blocks|single_transformer_blocks)_/)) return "a Flux model";
  if (has(/^(?:noise_refiner|context_refiner)_/)) return "a Z-Image or Lumina model";
  if (has(/^(?:joint_blocks|model_diffusion_model_joint_blocks)_/)) return "Stable Diffusion 3";
  if (has(/^(?:txtfusion|text_fusion)_|^blocks_\d+_attn_w[qkvo]$/)) return "Krea 2";
  return layers.some(({ target }) => target === "transformer") ? "a diffusion transformer" : undefined;
}

/** Whose settings PEFT's are, by the names of diffusers' parts. */
const prefixes: Readonly<Record<LoraTarget, string>> = {
  unet: "unet",
  transformer: "transformer",
  textEncoder: "text_encoder",
  textEncoder2: "text_encoder_2",
};

/** PEFT's own settings that newer diffusers write into the metadata: α and rank, with patterns for single layers. */
function peftAlphas(json: string | undefined): LoraFile["alphas"] {
  const settings = parseSettings(json);
  return ({ target, layer }) => {
    const prefix = prefixes[target];
    const alpha = settings[`${prefix}.lora_alpha`];
    const rank = settings[`${prefix}.r`];
    const patterned = (name: string) => {
      const patterns = settings[`${prefix}.${name}`];
      if (typeof patterns !== "object" || patterns === null) return undefined;
      const found = Object.entries(patterns).find(([path]) => layer.endsWith(path.replaceAll(".", "_")));
      return typeof found?.[1] === "number" ? found[1] : undefined;
    };
    if (typeof alpha !== "number") return undefined;
    return {
      alpha: patterned("alpha_pattern") ?? alpha,
      ...(typeof rank === "number" ? { rank: patterned("rank_pattern") ?? rank } : {}),
    };
  };
}

function parseSettings(json: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json ?? "{}");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
