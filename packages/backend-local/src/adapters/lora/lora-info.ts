import type { SafetensorsFile, WeightTensor } from "../../files/safetensors.ts";
import { auraflowLayer, type LoraKey, readLoraKey } from "./lora-keys.ts";

/** A word of the captions that a LoRA was trained on, and how many of them have it. */
export interface CaptionTag {
  tag: string;
  count: number;
}

/** What a LoRA's file says of itself. */
export interface LoraInfo {
  /** What models it is for, as far as its notes or its tensors tell. */
  base: string;
  /** Layers that it changes, by network: `{ unet: 192, text_encoder: 72 }`. */
  layers: Readonly<Record<string, number>>;
  /** What to write in a prompt: the phrase that its maker noted, else the tags that stood in most captions. */
  triggerWords: readonly string[];
  /** The captions' commonest tags. */
  tags: readonly CaptionTag[];
}

/** A LoRA's own notes; undefined for a file that is none. Only the header is looked at. */
export function loraInfo({ tensors, metadata }: SafetensorsFile): LoraInfo | undefined {
  const keys = [...tensors.values()].flatMap((tensor) => {
    const key = readLoraKey(tensor.name);
    return key === undefined ? [] : [{ ...key, tensor }];
  });
  if (keys.length === 0) return undefined;
  const tags = captionTags(metadata.ss_tag_frequency);
  const phrase = (metadata["modelspec.trigger_phrase"] ?? metadata.trigger_phrase ?? "").trim();
  const most = tags[0]?.count ?? 0;
  // Tags that stand in nearly every caption are what the training took for the thing's name.
  const commonest = tags.filter(({ count }) => count >= 0.8 * most).slice(0, maxTriggers);
  return {
    base: baseOf(metadata, keys),
    layers: layersOf(keys),
    triggerWords: phrase === "" ? commonest.map(({ tag }) => tag) : [phrase],
    tags: tags.slice(0, maxTags),
  };
}

const maxTriggers = 5;
const maxTags = 20;
const networkNames = { unet: "unet", textEncoder: "text_encoder", textEncoder2: "text_encoder_2" } as const;

function layersOf(keys: readonly LoraKey[]): Record<string, number> {
  const found = new Map<string, Set<string>>();
  for (const { target, layer } of keys) {
    const name = target === "transformer" ? target : networkNames[target];
    found.set(name, (found.get(name) ?? new Set()).add(layer));
  }
  return Object.fromEntries([...found].map(([name, layers]) => [name, layers.size]));
}

/** kohya's `ss_tag_frequency`, `{ folder: { tag: count } }`: over all folders, the commonest first. */
function captionTags(json: string | undefined): CaptionTag[] {
  const counts = new Map<string, number>();
  for (const folder of Object.values(objectOf(json))) {
    if (typeof folder !== "object" || folder === null) continue;
    for (const [tag, count] of Object.entries(folder)) {
      const name = tag.trim();
      if (name !== "" && typeof count === "number") counts.set(name, (counts.get(name) ?? 0) + count);
    }
  }
  return [...counts].map(([tag, count]) => ({ tag, count })).sort((a, b) => b.count - a.count);
}

function objectOf(json: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json ?? "{}");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Beginnings of `modelspec.architecture` and kohya's `ss_base_model_version`, by what they mean. */
const noted: readonly (readonly [RegExp, string])[] = [
  [/^(stable-diffusion-xl|sdxl|sd_xl)/i, "Stable Diffusion XL"],
  [/^(stable-diffusion-v2|sd_v2)/i, "Stable Diffusion 2"],
  [/^(stable-diffusion-v1|sd_v1)/i, "Stable Diffusion 1"],
  [/^(stable-diffusion-3|sd3)/i, "Stable Diffusion 3"],
  [/^flux-2|^flux2/i, "FLUX.2"],
  [/^flux-?3/i, "FLUX.3"],
  [/^flux/i, "FLUX.1"],
  [/^lumina/i, "Lumina 2"],
  [/^aura-?flow/i, "AuraFlow"],
  [/^(qwen)/i, "Qwen-Image"],
  [/^krea-?2/i, "Krea 2"],
];

/** Widths of the text that a UNet's cross-attention looks at. */
const textWidths: Readonly<Record<number, string>> = {
  768: "Stable Diffusion 1",
  1024: "Stable Diffusion 2",
  1280: "Stable Diffusion XL's refiner",
  2048: "Stable Diffusion XL",
};

function baseOf(metadata: Readonly<Record<string, string>>, keys: readonly (LoraKey & { tensor: WeightTensor })[]) {
  const notes = [metadata["modelspec.architecture"], metadata.ss_base_model_version];
  for (const note of notes) {
    const found = noted.find(([pattern]) => pattern.test(note ?? ""));
    if (found) return found[1];
  }
  const names = keys.map(({ layer }) => layer);
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/^(?:content_|txt_)?mode_blocks_/)) return "FLUX.3";
  if (has(auraflowLayer)) return "AuraFlow";
  if (has(/^(double_blocks|single_blocks|single_transformer_blocks)_/)) return "FLUX";
  if (has(/^(noise_refiner|context_refiner)_/)) return "Z-Image or Lumina 2";
  if (has(/^(txtfusion|text_fusion)_|^blocks_\d+_attn_w[qkvo]$/)) return "Krea 2";
  if (has(/joint_blocks_/)) return "Stable Diffusion 3";
  if (keys.some(({ target }) => target === "textEncoder2")) return "Stable Diffusion XL";
  const toText = keys.find(({ layer, role }) => /attn2_to_[kv]$/.test(layer) && role === "down");
  const width = toText?.tensor.shape[1] ?? 0;
  if (textWidths[width]) return textWidths[width];
  if (keys.some(({ target }) => target === "transformer")) return "a diffusion transformer";
  return "unknown";
}
