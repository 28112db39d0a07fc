import { fileURLToPath } from "node:url";

/** Folder of the embedded text-to-image model, in the diffusers layout (`model_index.json` and one folder a network). */
export const modelPath: string = fileURLToPath(new URL("../model", import.meta.url));
