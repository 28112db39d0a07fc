import { invalid, requireInteger, requireNumber } from "../invalid.ts";
import type { NoiseSource } from "../sampler.ts";
import { brownianNoise } from "./brownian-tree.ts";
import { type CudaDevice, PhiloxGenerator, residentThreads } from "./philox.ts";
import { offsetSeed, type Seed } from "./seed.ts";
import { type LatentShape, slerp } from "./slerp.ts";
import { TorchGenerator } from "./torch-generator.ts";

/** Whose habits the random numbers of an image follow. */
export const noiseConventions = ["diffusers", "comfyui", "a1111"] as const;
/** Whose habits the random numbers of an image follow. */
export type NoiseConvention = (typeof noiseConventions)[number];

/** Where torch would have drawn: on the CPU, or on an NVIDIA device. */
export const noiseSources = ["torch-cpu", "nv"] as const;
/** Where torch would have drawn: on the CPU, or on an NVIDIA device. */
export type NoiseDevice = (typeof noiseSources)[number];

/** How an image's random numbers are made. Plain data: it is recorded in a recipe as it is. */
export interface NoiseSettings {
  /** `diffusers` unless given. */
  convention?: NoiseConvention;
  /** `torch-cpu` unless given. */
  source?: NoiseDevice;
  /** With `nv`: the device whose numbers are wanted. Without one each value has a thread of its own, as A1111's NV source has it. */
  device?: CudaDevice | undefined;
  /** A1111's variation: the first noise goes this far (0 to 1) towards the one of `subseed`. */
  subseed?: Seed | string | undefined;
  subseedStrength?: number;
  /** A1111's eta noise seed delta: the steps' noise comes from a generator of seed + this. 31337 in NovelAI's pictures. */
  ensd?: number;
  /** A1111's "resize seed from": the first noise's middle is that of a latent of this height and width. */
  resizeFrom?: { height: number; width: number } | undefined;
  /** ComfyUI: what the steps' generator adds to the seed; 1 as it does now on a CPU, 0 as before. With `nv` it is always 0. */
  stepSeedOffset?: number | undefined;
  /**
   * The image's place in a batch whose images share random numbers with diffusers: a Brownian tree of a seed of its own
   * ({@link StepNoise.treeSeed}), an inpainted picture's latent. The only one of 1 unless given.
   */
  batch?: { index: number; size: number } | undefined;
}

/** What {@link ImageNoise.steps} may be told of the run. */
export interface StepNoise {
  /** All levels of the layout, where the run is a part of it: diffusers' and A1111's Brownian trees span these. */
  whole?: ArrayLike<number> | undefined;
  /**
   * Seed of diffusers' Brownian tree, instead of the image's own: a plan's `treeSeed`. The tree is then one for the whole batch, of which
   * `batch` says what this image has.
   */
  treeSeed?: Seed | undefined;
  /** The run starts from a latent that has its noise already: the first noise is not drawn, and so doesn't move the generator on. */
  skipsFirst?: boolean;
}

/** What {@link imageNoise} makes. */
export interface ImageNoise {
  /** The noise to start from, [channels, height, width], flattened, of unit variance. */
  first: Float32Array;
  /** Draws from the same generator; before `first` is read, it is what diffusers' image-to-image draws a VAE's posterior from. */
  draw(n: number): Float32Array;
  /** The noise of a sampler's steps. `sigmas` are the run's levels, which a Brownian tree needs. */
  steps(sampler: string, sigmas: ArrayLike<number>, run?: StepNoise): NoiseSource;
}

/** The samplers whose noise is a Brownian tree's in k-diffusion, and so in ComfyUI and A1111. */
export const brownianSamplers: readonly string[] = ["dpmpp_sde", "dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_3m_sde"];

/** A generator's draws. */
interface Generator {
  randn(n: number): Float32Array;
}

/**
 * The random numbers of one image as diffusers, ComfyUI or A1111 would draw them.
 *
 * - `diffusers`: one generator for all, the first noise and then each step's; DPMSolverSDEScheduler's is a Brownian tree.
 * - `comfyui`: the first noise from a generator of the seed, the steps' from another; the SDE samplers' is a Brownian tree.
 * - `a1111`: as diffusers, with variation seeds, seed resizing and ENSD; the SDE samplers' is a Brownian tree.
 */
export function imageNoise(seed: Seed, shape: LatentShape, settings: NoiseSettings = {}): ImageNoise {
  const { convention, source, ensd, stepSeedOffset } = checkNoise(settings);
  const length = shape[0] * shape[1] * shape[2];
  const make = (value: Seed): Generator =>
    source === "nv" ? new PhiloxGenerator(value, settings.device) : new TorchGenerator(value);
  const generator = make(seed);
  let taken: Float32Array | undefined;
  const first = () => {
    taken ??= firstNoise(generator, seed, shape, settings, make);
    return taken;
  };
  return {
    get first() {
      return first();
    },
    draw: (n) => generator.randn(n),
    steps(sampler, sigmas, { whole = sigmas, treeSeed, skipsFirst = false } = {}) {
      if (!skipsFirst) first();
      const shared = convention === "diffusers" ? treeSeed : undefined;
      const hasTree = convention === "diffusers" ? sampler === "dpmpp_sde" : brownianSamplers.includes(sampler);
      if (hasTree) {
        const levels = convention === "comfyui" ? sigmas : whole;
        const randn = (value: Seed, n: number) => make(value).randn(n);
        return brownianNoise({
          seed: shared ?? seed,
          length,
          sigmas: levels,
          randn: shared === undefined ? randn : ofBatch(randn, settings.batch),
        });
      }
      if (convention === "comfyui") return drawing(make(offsetSeed(seed, source === "nv" ? 0 : stepSeedOffset)));
      return drawing(convention === "a1111" && ensd !== 0 ? make(offsetSeed(seed, ensd)) : generator);
    },
  };

  function drawing(from: Generator): NoiseSource {
    return () => from.randn(length);
  }
}

/** Of normals that are drawn for a whole batch at once, one image's. */
function ofBatch(
  randn: (seed: Seed, n: number) => Float32Array,
  { index, size }: { index: number; size: number } = { index: 0, size: 1 },
): (seed: Seed, n: number) => Float32Array {
  return (seed, n) => randn(seed, n * size).subarray(n * index, n * (index + 1));
}

/** Checks noise settings and puts in the defaults. */
export function checkNoise(settings: NoiseSettings) {
  const { convention = "diffusers", source = "torch-cpu", subseedStrength = 0, ensd = 0 } = settings;
  const stepSeedOffset = settings.stepSeedOffset ?? 1;
  if (!noiseConventions.includes(convention))
    invalid("noise.convention", `unknown: ${String(convention)}`, noiseConventions);
  if (!noiseSources.includes(source)) invalid("noise.source", `unknown: ${String(source)}`, noiseSources);
  if (settings.device !== undefined && source !== "nv")
    invalid("noise.device", `goes with source nv, not ${source}`, ["source: nv"]);
  if (settings.device !== undefined) residentThreads(settings.device);
  requireNumber("noise.subseedStrength", subseedStrength, 0, 1);
  if (typeof settings.subseed === "string" && !/^\d+$/.test(settings.subseed))
    invalid("noise.subseed", `must be a whole number, not ${JSON.stringify(settings.subseed)}`);
  if (settings.batch !== undefined) {
    requireInteger("noise.batch.size", settings.batch.size, 1, 10_000);
    requireInteger("noise.batch.index", settings.batch.index, 0, settings.batch.size - 1);
  }
  for (const side of ["height", "width"] as const)
    if (settings.resizeFrom) requireInteger(`noise.resizeFrom.${side}`, settings.resizeFrom[side], 1, 16_384);
  for (const [name, value] of Object.entries({ ensd, stepSeedOffset }))
    if (!Number.isSafeInteger(value)) invalid(`noise.${name}`, `must be a whole number, not ${value}`);
  const used = {
    subseedStrength: subseedStrength !== 0,
    ensd: ensd !== 0,
    resizeFrom: settings.resizeFrom !== undefined,
  };
  if (settings.stepSeedOffset !== undefined && convention !== "comfyui")
    invalid("noise.stepSeedOffset", `is ComfyUI's; the convention is ${convention}`, ["convention: comfyui"]);
  for (const [name, isUsed] of Object.entries(used))
    if (isUsed && convention !== "a1111")
      invalid(`noise.${name}`, `is A1111's; the convention is ${convention}`, ["convention: a1111"]);
  return { convention, source, subseedStrength, ensd, stepSeedOffset };
}

function firstNoise(
  generator: Generator,
  seed: Seed,
  shape: LatentShape,
  { subseed = 0, subseedStrength = 0, resizeFrom }: NoiseSettings,
  make: (seed: Seed) => Generator,
): Float32Array {
  const [channels, height, width] = shape;
  const small: LatentShape = resizeFrom ? [channels, resizeFrom.height, resizeFrom.width] : shape;
  const n = small[0] * small[1] * small[2];
  let noise = (resizeFrom ? make(seed) : generator).randn(n);
  if (subseedStrength !== 0)
    noise = slerp(
      subseedStrength,
      noise,
      make(typeof subseed === "string" ? BigInt(subseed) : subseed).randn(n),
      small,
    );
  return resizeFrom ? place(generator.randn(channels * height * width), shape, noise, small) : noise;
}

/** Puts the middle of `noise` over the middle of `onto`. */
function place(onto: Float32Array, to: LatentShape, noise: Float32Array, from: LatentShape): Float32Array {
  // Halves are rounded down, below 0 too, as Python's // does.
  const top = Math.floor((to[1] - from[1]) / 2);
  const left = Math.floor((to[2] - from[2]) / 2);
  const height = top >= 0 ? from[1] : from[1] + 2 * top;
  const width = left >= 0 ? from[2] : from[2] + 2 * left;
  for (let channel = 0; channel < to[0]; channel++)
    for (let y = 0; y < height; y++) {
      const source = (channel * from[1] + y + Math.max(-top, 0)) * from[2] + Math.max(-left, 0);
      const target = (channel * to[1] + y + Math.max(top, 0)) * to[2] + Math.max(left, 0);
      onto.set(noise.subarray(source, source + width), target);
    }
  return onto;
}
