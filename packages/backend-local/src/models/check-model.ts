import { readTokenizer } from "../prompts/prompt-tokenizer.ts";
import { buildNetwork, networkNames } from "./build-network.ts";
import type { ModelFolder } from "./model-folder.ts";

/** Checks what reading a folder leaves to the engine: every tensor against the configs, and the vocabulary. @throws ModelError */
export async function checkModel(folder: ModelFolder): Promise<void> {
  await readTokenizer(folder.tokenizer, folder.shape);
  for (const name of networkNames) await buildNetwork(folder, name);
}
