import { packageFile } from "./package-file.ts";

export { nearWords } from "./near-words.ts";
export { readVocabulary, type Vocabulary } from "./vocabulary.ts";

/** Folder of the embedded text-to-image model, in the diffusers layout (`model_index.json` and one folder a network). */
export const modelPath: string = packageFile("model");
