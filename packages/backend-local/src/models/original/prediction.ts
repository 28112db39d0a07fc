import { readInteger, readTensor } from "../../files/read-tensor.ts";
import type { Weights } from "../../files/weights.ts";

/** What a network predicts, by diffusers' names. */
export type PredictionType = "epsilon" | "v_prediction" | "sample";

/** How a checkpoint wants to be sampled, beyond what its family tells. */
export interface Prediction {
  readonly type: PredictionType;
  /** Whether the schedule is scaled so that its last step is pure noise (Lin et al. 2023). */
  readonly zeroTerminalSnr: boolean;
}

/** Where the training of Stable Diffusion 2's 512-pixel base, which predicts the noise, ended. */
const baseSteps = 875_000;

/** What is known of a prediction beside the file's own marks. */
export interface PredictionHints {
  /** The UNet under diffusers' names. */
  unet: Weights;
  /** What the caller says. */
  option?: PredictionType | undefined;
  /** What the kind of model tells. */
  fallback?: PredictionType | undefined;
}

/**
 * What a checkpoint's network predicts. In this order: what the caller says; marker tensors that trainers leave (`v_pred`,
 * `ztsnr`); the metadata of Stability's model specification; `fallback`, which the kind of model tells. Stable Diffusion 2 has
 * none, its two kinds being alike in names and shapes: there it is the step at which the 512-pixel base was saved, or else how
 * widely a norm's biases scatter, as ComfyUI tells them apart.
 */
export async function predictionOf(weights: Weights, { unet, option, fallback }: PredictionHints): Promise<Prediction> {
  const zeroTerminalSnr = weights.find("ztsnr") !== undefined;
  if (option !== undefined) return { type: option, zeroTerminalSnr: zeroTerminalSnr && option === "v_prediction" };
  if (weights.find("v_pred") !== undefined) return { type: "v_prediction", zeroTerminalSnr };
  const stated = statedPrediction(weights.metadata?.["modelspec.prediction_type"]);
  if (stated !== undefined) return { type: stated, zeroTerminalSnr: zeroTerminalSnr && stated === "v_prediction" };
  const type = fallback ?? ((await looksLikeVelocity(weights, unet)) ? "v_prediction" : "epsilon");
  return { type, zeroTerminalSnr: false };
}

function statedPrediction(text: string | undefined): PredictionType | undefined {
  const value = text?.trim().toLowerCase();
  if (value === "v" || value === "v_prediction") return "v_prediction";
  return value === "epsilon" || value === "sample" ? value : undefined;
}

/** @see https://github.com/comfyanonymous/ComfyUI `comfy/supported_models.py`, SD20 */
async function looksLikeVelocity(weights: Weights, unet: Weights): Promise<boolean> {
  const step = weights.find("global_step");
  if (step !== undefined && (await readInteger(step)) === baseSteps) return false;
  const tensor = unet.find("up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias");
  if (tensor === undefined) return true;
  const values = await readTensor(tensor);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return Math.sqrt(variance) > 0.09;
}
