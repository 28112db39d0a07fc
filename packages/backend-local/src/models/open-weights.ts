import { fileWeights, folderWeights, type Weights } from "../files/weights.ts";
import type { WeightsSource } from "./model.ts";
import { networkOf, recogniseFile } from "./recognise-file.ts";

/**
 * A part's weights: of a folder, the variant's files where the part has them, as diffusers does, else the plain ones; of a file,
 * what it holds of that part, under diffusers' names.
 *
 * @throws ModelError
 */
export async function openWeights(source: WeightsSource): Promise<Weights> {
  const { path } = source;
  if (source.kind === "onnx") throw new Error(`${path} is a graph of its own`);
  if (source.kind === "file") return networkOf(await recogniseFile(await fileWeights(path)), source.part, path).weights;
  const { variant } = source;
  if (variant === undefined) return folderWeights(path);
  return folderWeights(path, variant).catch(async (error) => {
    if (error.details?.problem !== "missing") throw error;
    return folderWeights(path);
  });
}
