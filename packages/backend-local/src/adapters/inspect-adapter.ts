import { readSafetensors } from "../files/safetensors.ts";
import { type CaptionTag, loraInfo } from "./lora/lora-info.ts";
import { readEmbedding, sizeOf } from "./textual-inversion/embedding-file.ts";

/** What goes beside a model: its kind, what it is for, and what its file notes. Plain data. */
export interface AdapterInfo {
  kind: "lora" | "embedding" | "controlnet" | "t2i-adapter";
  /** For people: `"LoRA"`. */
  title: string;
  /** What models it is for, as far as the file tells. */
  base: string;
  /** Layers that it changes, by network. */
  layers?: Readonly<Record<string, number>>;
  /** What calls it in a prompt. */
  triggerWords?: readonly string[];
  /** The commonest tags of the captions that it was trained on. */
  tags?: readonly CaptionTag[];
  /** Of a textual inversion: how many tokens it takes. */
  vectors?: number;
  /** Of a ControlNet that knows several kinds of control: those. */
  controls?: readonly string[];
}

/** What adapter a safetensors file holds; undefined where it is none. Only the header is read. @throws ModelError */
export async function inspectAdapter(path: string): Promise<AdapterInfo | undefined> {
  const file = await readSafetensors(path);
  const lora = loraInfo(file);
  if (lora !== undefined) return { kind: "lora", title: "LoRA", ...lora };
  const isEmbedding = [...file.tensors.keys()].some((name) => /^(emb_params|clip_l|clip_g|<[^>]+>)$/.test(name));
  return isEmbedding ? embeddingInfo(path) : undefined;
}

const widths: Readonly<Record<number, string>> = { 768: "Stable Diffusion 1", 1024: "Stable Diffusion 2" };

async function embeddingInfo(path: string): Promise<AdapterInfo> {
  const { token, vectors } = await readEmbedding(path);
  const { count, width } = sizeOf(Object.values(vectors)[0]!);
  const base = vectors.any ? (widths[width] ?? `a text encoder of width ${width}`) : "Stable Diffusion XL";
  return { kind: "embedding", title: "textual inversion", base, triggerWords: [token], vectors: count };
}
