import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isTinyVae, vaeShape } from "../families/shared/vae-shape.ts";
import { modelError } from "../files/model-error.ts";
import { readOptionalJson } from "../files/read-json.ts";
import { indexFiles } from "./folder-index.ts";
import type { Model } from "./model.ts";
import { readModelFile } from "./model-file.ts";
import { readModelFolder } from "./model-folder.ts";
import type { PredictionType } from "./original/prediction.ts";
import { type PartPaths, readPart } from "./part-source.ts";

/** How a model is to be read. */
export interface ReadOptions {
  /** Which files of a folder, such as `"fp16"`. */
  variant?: string | undefined;
  /** Files to take in place of the model's own parts. */
  parts?: PartPaths | undefined;
  /** A tiny VAE (TAESD) that previews are decoded with. */
  previewVae?: string | undefined;
  /** What the network predicts, where the files don't say so or say it wrongly. */
  prediction?: PredictionType | undefined;
  /** The name that recipes give the model, where that is not its path's. */
  name?: string | undefined;
}

/**
 * Reads a model wherever it lies: a folder in the diffusers layout, a single file, or the folder of the network that denoises, around which the rest is
 * put together as around a file of it.
 *
 * @throws {@link ModelError} naming the file and what is wrong.
 */
export async function readModel(place: string, options: ReadOptions = {}): Promise<Model> {
  const path = resolve(place);
  const stats = await stat(path).catch((cause: Error) => {
    const takes =
      "name a folder in the diffusers layout, a single .safetensors or .gguf file, or a model of the Hub as owner/name";
    throw modelError("missing", `There is no model ${path}: ${takes}`, { file: path, cause });
  });
  const whole = stats.isDirectory() && !(await isNetworkFolder(path));
  const model = await (whole ? readModelFolder(path, options) : readModelFile(path, options));
  return options.previewVae === undefined ? model : withPreviewVae(model, options.previewVae);
}

/** Whether a folder is one network's, and no whole model's. */
async function isNetworkFolder(path: string): Promise<boolean> {
  const read = [...indexFiles, "config.json"].map((name) => readOptionalJson(join(path, name)));
  const [config, ...indexes] = (await Promise.all(read)).reverse();
  return config?._class_name !== undefined && indexes.every((index) => index === undefined);
}

/** The model with a VAE for previews beside its own. It makes no other pictures, and so the model's hash stays. */
async function withPreviewVae(model: Model, place: string): Promise<Model> {
  const previewVae = await readPart("vae", place);
  const { file, weights } = previewVae;
  const fail = (message: string) =>
    modelError("unsupported", `previewVae: ${file} ${message}`, { file, option: "previewVae" });
  if (!isTinyVae(previewVae.config)) throw fail("is no AutoencoderTiny (TAESD)");
  const { latent_channels: channels, levels } = vaeShape(previewVae);
  const { latentChannels, scale } = model.traits;
  if (channels !== latentChannels || 2 ** (levels - 1) !== scale) {
    const message = `decodes latents of ${channels} channels to ${2 ** (levels - 1)} times their side; the model's have ${latentChannels}, for ${scale} times`;
    throw fail(message);
  }
  return { ...model, parts: { ...model.parts, previewVae }, files: [...model.files, weights.path] };
}
