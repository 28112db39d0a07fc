import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { modelError } from "../files/model-error.ts";
import type { Model } from "./model.ts";
import { readModelFile } from "./model-file.ts";
import { readModelFolder } from "./model-folder.ts";
import type { PredictionType } from "./original/prediction.ts";
import type { PartPaths } from "./part-source.ts";

/** How a model is to be read. */
export interface ReadOptions {
  /** Which files of a folder, such as `"fp16"`. */
  variant?: string | undefined;
  /** Files to take in place of the model's own parts. */
  parts?: PartPaths | undefined;
  /** What the network predicts, where a single file doesn't say so or says it wrongly. */
  prediction?: PredictionType | undefined;
  /** The name that recipes give the model, where that is not its path's. */
  name?: string | undefined;
}

/**
 * Reads a model wherever it lies: a folder in the diffusers layout, or a single file.
 *
 * @throws {@link ModelError} naming the file and what is wrong.
 */
export async function readModel(place: string, options: ReadOptions = {}): Promise<Model> {
  const path = resolve(place);
  const stats = await stat(path).catch((cause: Error) => {
    throw modelError("missing", `There is no model ${path}`, { file: path, cause });
  });
  return stats.isDirectory() ? readModelFolder(path, options) : readModelFile(path, options);
}
