/**
 * The diffusion maths: pure functions over `Float32Array`s, no I/O, no model.
 *
 * A **plan** says how a model is sampled: which sampler, in which space, with which prediction. It comes from a diffusers
 * scheduler_config.json ({@link fromDiffusers}) or from a sampler's and a scheduler's name ({@link makePlan}). Its **grid** lays out
 * the noise levels of one run; {@link runPlan} runs it, one yield a step:
 *
 * ```ts
 * const plan = fromDiffusers(schedulerConfig);
 * const grid = plan.grid({ steps: 20 }); // image-to-image: { steps, strength }
 * const generator = new TorchGenerator(seed);
 * const noise = generator.randn(4 * 64 * 64); // one image's latent, [channels, height, width], flattened
 * const x = startFromNoise(grid, noise); // image-to-image: addNoise(grid, latent, noise)
 * let latent = x;
 * const network = async (input: Float32Array, timestep: number) => cfg(await unet(input, timestep, negative), await unet(input, timestep, prompt), 7.5);
 * for await (const step of runPlan(plan, { grid, network, x, noise: () => generator.randn(x.length), signal })) {
 *   latent = step.x; // a view of the live latent; step.denoised is the preview; step.step of step.steps is the progress
 * }
 * ```
 *
 * Underneath, each **sampler** is a free async generator `({ model, x, sigmas, noise, options, signal })` in the manner of k-diffusion,
 * where `model(x, sigma, index)` returns the estimate of x0; {@link denoiser} makes one of a network. Each **scheduler** is a function
 * `(n, schedule) → sigmas`. States are `x = α·x0 + σ·ε` in one of three spaces (see {@link Space}).
 *
 * Errors are thrown before any work and name the field, why, and what is allowed.
 *
 * @module
 */
export { type BetaSchedule, betaSchedules, makeBetas, rescaleZeroTerminalSnr } from "./betas.ts";
export { clipSample, thresholdSample } from "./clamp.ts";
export { diffusersSchedulers, fromDiffusers, type SchedulerConfig } from "./diffusers/from-diffusers.ts";
export {
  type DynamicShiftOptions,
  dynamicShift,
  type EdmScheduleOptions,
  type FlowScheduleOptions,
  makeEdmSchedule,
  makeFlowSchedule,
  shiftTime,
} from "./flow-schedule.ts";
export {
  addNoise,
  type Grid,
  type GridRequest,
  type Mix,
  sliceByStrength,
  sliceSteps,
  startFromNoise,
} from "./grid.ts";
export { type ApgOptions, adaptiveProjectedGuidance } from "./guidance/apg.ts";
export { cfg } from "./guidance/cfg.ts";
export { cfgZeroStar } from "./guidance/cfg-zero-star.ts";
export {
  type Guidance,
  type GuidanceMode,
  type GuidanceSettings,
  guidanceModes,
  makeGuidance,
} from "./guidance/guidance.ts";
export { type GuidedNetwork, type GuidedPasses, guidedNetwork } from "./guidance/guided-network.ts";
export { addPerturbedGuidance, perturbedScale } from "./guidance/perturbed.ts";
export { rescaleGuidance } from "./guidance/rescale.ts";
export { blendInpaint, blendInpaintAt, type InpaintKeep } from "./inpaint.ts";
export { type BrownianNoiseOptions, BrownianTree, brownianNoise } from "./noise/brownian-tree.ts";
export {
  brownianSamplers,
  checkNoise,
  type ImageNoise,
  imageNoise,
  type NoiseConvention,
  type NoiseDevice,
  type NoiseSettings,
  noiseConventions,
  noiseSources,
  type StepNoise,
} from "./noise/image-noise.ts";
export { MersenneTwister } from "./noise/mersenne-twister.ts";
export { type ImageOfRequest, noiseOfImage } from "./noise/noise-of-image.ts";
export { type CudaDevice, PhiloxGenerator } from "./noise/philox.ts";
export { offsetSeed, type Seed } from "./noise/seed.ts";
export { type LatentShape, slerp } from "./noise/slerp.ts";
export { TorchGenerator, torchRandn } from "./noise/torch-generator.ts";
export {
  type BetaNoiseSchedule,
  makeNoiseSchedule,
  type NoiseSchedule,
  type NoiseScheduleOptions,
  upToSigma,
} from "./noise-schedule.ts";
export {
  type ChoiceOption,
  describeOptions,
  type NumberOption,
  type OptionSpec,
  type OptionSpecs,
  type SwitchOption,
} from "./option-spec.ts";
export { makePlan, type Plan, type PlanOptions, type PlanRun, runPlan } from "./plan.ts";
export {
  type DenoiserOptions,
  denoiser,
  type Network,
  type Prediction,
  predictions,
  type Scalings,
  scalingsOf,
} from "./prediction.ts";
export type { Denoiser, Halfway, NoiseSource, Sampler, SamplerInput, SamplerStep } from "./sampler.ts";
export { findSampler, resolveSampler, resolveScheduler, type SamplerChoice } from "./sampler-names.ts";
export { readSamplerOptions, samplerOptions } from "./sampler-options.ts";
export { ownLevelSamplers, type SamplerName, samplerNames, samplers } from "./samplers.ts";
export { flowSchedulerOptions, readSchedulerOptions, schedulerOptions } from "./scheduler-options.ts";
export type { AlignYourStepsModel } from "./schedulers/align-your-steps.ts";
export {
  makeSigmas,
  type Scheduler,
  type SchedulerName,
  type SchedulerOptions,
  schedulerNames,
  schedulers,
} from "./schedulers.ts";
export { alphaOf, fromRatio, lambdaOf, ratioOf, type Space } from "./space.ts";
