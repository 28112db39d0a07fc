import { readTensor } from "../../files/read-tensor.ts";
import type { WeightTensor } from "../../files/safetensors.ts";
import type { Weights } from "../../files/weights.ts";
import type { Prediction } from "./prediction.ts";

/** The noise levels that all of Stable Diffusion was trained with. */
const schedule = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  num_train_timesteps: 1000,
  timestep_spacing: "leading",
  steps_offset: 1,
};

/** Kinds of checkpoints whose published folders name different schedulers. */
export type SchedulerKind = "sd1" | "sd2" | "inpainting" | "instruct-pix2pix" | "xl";

const schedulers: Readonly<Record<SchedulerKind, Readonly<Record<string, unknown>>>> = {
  sd1: { _class_name: "PNDMScheduler", skip_prk_steps: true, set_alpha_to_one: false },
  sd2: { _class_name: "DDIMScheduler", clip_sample: false, set_alpha_to_one: false },
  inpainting: { _class_name: "DDIMScheduler", clip_sample: false, set_alpha_to_one: false },
  "instruct-pix2pix": { _class_name: "EulerAncestralDiscreteScheduler" },
  xl: { _class_name: "EulerDiscreteScheduler" },
};

/**
 * The scheduler_config.json of a checkpoint: as the published folders of its kind have it, which is where diffusers takes it
 * from for such a file, with what the checkpoint itself says about its prediction.
 */
export async function schedulerOf(
  weights: Weights,
  kind: SchedulerKind,
  { type, zeroTerminalSnr }: Prediction,
): Promise<Record<string, unknown>> {
  const edm = await continuousNoise(weights);
  if (edm !== undefined) return edm;
  return {
    ...schedule,
    ...schedulers[kind],
    prediction_type: type,
    // The last training step has no signal at all: it is worth going to only where steps are counted from there (Lin et al. 2023).
    ...(zeroTerminalSnr ? { rescale_betas_zero_snr: true, timestep_spacing: "trailing", steps_offset: 0 } : {}),
  };
}

/** Models after Karras et al. 2022, marked by tensors of their own: Playground 2.5, and CosXL, which predicts velocities. */
async function continuousNoise(weights: Weights): Promise<Record<string, unknown> | undefined> {
  if (weights.find("edm_mean") !== undefined && weights.find("edm_std") !== undefined) {
    return { _class_name: "EDMDPMSolverMultistepScheduler", sigma_data: 0.5, sigma_max: 80, sigma_min: 0.002 };
  }
  const highest = weights.find("edm_vpred.sigma_max");
  if (highest === undefined) return undefined;
  return {
    _class_name: "EDMEulerScheduler",
    prediction_type: "v_prediction",
    sigma_data: 1,
    sigma_max: await scalar(highest, 120),
    sigma_min: await scalar(weights.find("edm_vpred.sigma_min"), 0.002),
  };
}

async function scalar(tensor: WeightTensor | undefined, fallback: number): Promise<number> {
  return tensor === undefined ? fallback : ((await readTensor(tensor))[0] ?? fallback);
}
