import { familyOf } from "../families/families.ts";
import { buildNetwork } from "./build-network.ts";
import type { Model } from "./model.ts";
import { openTokenizer } from "./open-tokenizer.ts";

/** Checks what reading a model leaves to the engine: every tensor against the configs, and the vocabularies. @throws ModelError */
export async function checkModel(model: Model): Promise<void> {
  for (const [name, source] of Object.entries(model.tokenizers)) {
    await openTokenizer(source, model.traits.tokenizers[name]!);
  }
  const { networks } = await familyOf(model).engine();
  for (const [name, rule] of Object.entries(networks)) {
    if (model.parts[rule.part] !== undefined && rule.serves?.(model) !== false) await buildNetwork(model, name);
  }
}
