import { invalid, requireInteger, requireNumber } from "../invalid.ts";
import { type ApgOptions, adaptiveProjectedGuidance } from "./apg.ts";
import { cfg } from "./cfg.ts";
import { cfgZeroStar } from "./cfg-zero-star.ts";
import { addPerturbedGuidance, perturbedScale } from "./perturbed.ts";
import { rescaleGuidance } from "./rescale.ts";

/** The ways of guidance, by the request's names. */
export const guidanceModes = ["cfg", "cfg++", "apg", "cfg-zero-star"] as const;
/** A way of guidance. `cfg++` is a matter of the sampler too: one whose name ends in `_cfg_pp`. */
export type GuidanceMode = (typeof guidanceModes)[number];

/** How the outputs for the prompt and for the negative prompt are combined. Plain data, as in a request's `guidance`. */
export interface GuidanceSettings {
  /** The scale of all steps, or the way from the first step's to the last's. 1 is no guidance. */
  scale: number | { from: number; to: number; curve?: "linear" | "cosine" };
  /** The scale of each step, in place of `scale`. */
  scales?: readonly number[] | undefined;
  /** `cfg` unless given. */
  mode?: GuidanceMode;
  /** φ of the guidance rescale, 0 to 1; 0 unless given. Acts in the steps whose scale is not 1, as in diffusers' pipelines. */
  rescale?: number;
  /** The share of the steps before which, and from which on, there is no guidance: 0 and 1 unless given. */
  start?: number;
  end?: number;
  /** APG's η, β and r: see {@link ApgOptions}. */
  apgEta?: number | undefined;
  apgMomentum?: number | undefined;
  apgNormThreshold?: number | undefined;
  /** CFG-Zero*: how many first steps have no output at all; 1 unless given. */
  zeroInitSteps?: number;
  /** Scale of perturbed-attention guidance, 0 (none) unless given: see {@link addPerturbedGuidance}. */
  pagScale?: number | undefined;
  /** How much of it is lost by each timestep below 1000, 0 unless given: see {@link perturbedScale}. */
  pagAdaptiveScale?: number | undefined;
}

/** Guidance over the steps of one image. */
export interface Guidance {
  /** The scale of a step, 1 outside the interval. */
  scaleAt(index: number): number;
  /** Whether a step needs the output for the negative prompt; where not, the pass can be left out. */
  needsUncond(index: number): boolean;
  /** Whether a step needs the output of the perturbed network at that timestep; without one, whether it ever may. */
  needsPerturbed(index: number, timestep?: number): boolean;
  /**
   * The guided output of a step. `uncond` is written over; it and `perturbed` aren't read where they aren't needed. `timestep` is what
   * the network was told, which an adaptive perturbed scale goes by.
   */
  combine(
    index: number,
    cond: Float32Array,
    uncond?: Float32Array,
    perturbed?: Float32Array,
    timestep?: number,
  ): Float32Array;
}

/**
 * Guidance for a run of `steps` steps, of one image (APG keeps a momentum).
 *
 * @throws InvalidRequestError for a scale, interval or rescale that makes no sense.
 */
export function makeGuidance(settings: GuidanceSettings, steps: number): Guidance {
  const { mode = "cfg", rescale = 0, start = 0, end = 1, pagScale = 0, pagAdaptiveScale = 0 } = settings;
  requireInteger("steps", steps, 1, 1_000_000);
  if (!guidanceModes.includes(mode)) invalid("guidance.mode", `unknown: ${String(mode)}`, guidanceModes);
  requireNumber("guidance.rescale", rescale, 0, 1);
  requireNumber("guidance.start", start, 0, 1);
  requireNumber("guidance.end", end, start, 1);
  requireNumber("guidance.pagScale", pagScale, 0, 1000);
  requireNumber("guidance.apgEta", settings.apgEta ?? 0, -1000, 1000);
  requireNumber("guidance.apgMomentum", settings.apgMomentum ?? 0, -1, 1);
  requireNumber("guidance.apgNormThreshold", settings.apgNormThreshold ?? 0, 0, Number.POSITIVE_INFINITY);
  requireNumber("guidance.pagAdaptiveScale", pagAdaptiveScale, 0, 1000);
  const zeroSteps =
    mode === "cfg-zero-star" ? requireInteger("guidance.zeroInitSteps", settings.zeroInitSteps ?? 1, 0, steps) : 0;
  const scales = scalesOf(settings, steps);
  const [from, to] = [Math.floor(start * steps), Math.floor(end * steps)];
  const acts = (index: number) => index >= from && index < to;
  const scaleAt = (index: number) => (acts(index) ? (scales[index] ?? 1) : 1);
  const pagScaleAt = (index: number, timestep?: number) =>
    acts(index) ? perturbedScale(pagScale, pagAdaptiveScale, timestep) : 0;
  const mix = mixerOf(mode, settings);
  const isZero = (index: number) => index < zeroSteps;
  return {
    scaleAt,
    // CFG++ takes the way back to noise from it at any scale, where it acts: elsewhere both come from the conditional output.
    needsUncond: (index) => !isZero(index) && (mode === "cfg++" ? acts(index) : scaleAt(index) !== 1),
    needsPerturbed: (index, timestep) => !isZero(index) && pagScaleAt(index, timestep) > 0,
    combine(index, cond, uncond, perturbed, timestep) {
      if (isZero(index)) return new Float32Array(cond.length);
      const scale = scaleAt(index);
      let guided = cond;
      if (scale !== 1) {
        if (!uncond) invalid("uncond", `step ${index} has scale ${scale} and needs it`);
        guided = mix(sized("uncond", uncond, cond), cond, scale);
      }
      const pag = pagScaleAt(index, timestep);
      if (pag > 0) {
        if (!perturbed) invalid("perturbed", `step ${index} has a perturbed scale of ${pag} and needs it`);
        sized("perturbed", perturbed, cond);
        guided = addPerturbedGuidance(guided === cond ? cond.slice() : guided, cond, perturbed, pag);
      }
      return scale === 1 ? guided : rescaleGuidance(guided, cond, rescale);
    },
  };
}

/** An output as long as the one for the prompt. */
function sized(field: string, output: Float32Array, cond: Float32Array): Float32Array {
  if (output.length === cond.length) return output;
  return invalid(field, `has ${output.length} values, cond ${cond.length}: must be as many`);
}

function mixerOf(mode: GuidanceMode, { apgEta, apgMomentum, apgNormThreshold }: GuidanceSettings) {
  if (mode === "cfg") return cfg;
  if (mode === "cfg-zero-star") return cfgZeroStar;
  // The sampler wants the unconditional output as it was.
  if (mode === "cfg++")
    return (uncond: Float32Array, cond: Float32Array, scale: number) =>
      cfg(uncond, cond, scale, new Float32Array(cond.length));
  const options: ApgOptions = {};
  if (apgEta !== undefined) options.eta = apgEta;
  if (apgMomentum !== undefined) options.momentum = apgMomentum;
  if (apgNormThreshold !== undefined) options.normThreshold = apgNormThreshold;
  return adaptiveProjectedGuidance(options);
}

function scalesOf({ scale, scales }: GuidanceSettings, steps: number): Float64Array {
  const check = (value: number) => requireNumber("guidance.scale", value, -1000, 1000);
  if (scales) {
    if (scales.length !== steps)
      invalid("guidance.scales", `has ${scales.length} entries for ${steps} steps; must be as many`);
    return Float64Array.from(scales, check);
  }
  if (typeof scale === "number") return new Float64Array(steps).fill(check(scale));
  const { from, to, curve = "linear" } = scale;
  if (curve !== "linear" && curve !== "cosine")
    invalid("guidance.scale.curve", `unknown: ${String(curve)}`, ["linear", "cosine"]);
  check(from);
  check(to);
  return Float64Array.from({ length: steps }, (_, i) => {
    const t = steps === 1 ? 0 : i / (steps - 1);
    return from + (to - from) * (curve === "linear" ? t : (1 - Math.cos(Math.PI * t)) / 2);
  });
}
