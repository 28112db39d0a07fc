import { readSafetensors } from "../files/safetensors.ts";
import { type CaptionTag, loraInfo } from "./lora/lora-info.ts";

/** What goes beside a model: its kind, what it is for, and what its file notes. Plain data. */
export interface AdapterInfo {
  kind: "lora";
  /** For people: "LoRA", "LoHa" and so on. */
  title: string;
  /** What models it is for, as far as the file tells. */
  base: string;
  /** Layers that it changes, by network. */
  layers?: Readonly<Record<string, number>>;
  /** What calls it in a prompt. */
  triggerWords?: readonly string[];
  /** The commonest tags of the captions that it was trained on. */
  tags?: readonly CaptionTag[];
}

/** What adapter a safetensors file holds; undefined where it is none. Only the header is read. @throws ModelError */
export async function inspectAdapter(path: string): Promise<AdapterInfo | undefined> {
  const file = await readSafetensors(path);
  const lora = loraInfo(file);
  return lora === undefined ? undefined : { kind: "lora", title: "LoRA", ...lora };
}
