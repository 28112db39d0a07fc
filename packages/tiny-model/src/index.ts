import { fileURLToPath } from "node:url";

export { nearWords } from "./near-words.ts";
export { readVocabulary, type Vocabulary } from "./vocabulary.ts";

/** Folder of the embedded text-to-image model, in the diffusers layout (`model_index.json` and one folder a network). */
export const modelPath: string = fileURLToPath(new URL("../model", import.meta.url));
