import { familyOf } from "../families/families.ts";
import { readTokenizer } from "../prompts/prompt-tokenizer.ts";
import { buildNetwork } from "./build-network.ts";
import type { Model } from "./model.ts";

/** Checks what reading a model leaves to the engine: every tensor against the configs, and the vocabularies. @throws ModelError */
export async function checkModel(model: Model): Promise<void> {
  for (const [name, folder] of Object.entries(model.tokenizers)) {
    await readTokenizer(folder, model.traits.tokenizers[name]!);
  }
  const { networks } = await familyOf(model).engine();
  for (const [name, { part }] of Object.entries(networks)) {
    if (model.parts[part] !== undefined) await buildNetwork(model, name);
  }
}
