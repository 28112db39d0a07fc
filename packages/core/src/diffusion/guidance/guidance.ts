import { invalid, requireInteger, requireNumber } from "../invalid.ts";
import { type ApgOptions, adaptiveProjectedGuidance } from "./apg.ts";
import { cfg } from "./cfg.ts";
import { cfgZeroStar } from "./cfg-zero-star.ts";
import { addPerturbedGuidance } from "./perturbed.ts";
import { rescaleGuidance } from "./rescale.ts";

/** The kinds of guidance. */
export const guidanceMethods = ["cfg", "apg", "cfg_zero_star"] as const;
/** A kind of guidance. */
export type GuidanceMethod = (typeof guidanceMethods)[number];

/** How the outputs for the prompt and for the negative prompt are combined. Plain data. */
export interface GuidanceSettings extends ApgOptions {
  /** The scale: one for all steps, one for each, or the way from one to another. 1 is no guidance. */
  scale: number | readonly number[] | { from: number; to: number; curve?: "linear" | "cosine" };
  /** `cfg` unless given. */
  method?: GuidanceMethod;
  /** φ of the guidance rescale, 0 to 1; 0 unless given. */
  rescale?: number;
  /** The share of the steps before which, and from which on, there is no guidance: 0 and 1 unless given. */
  start?: number;
  end?: number;
  /** CFG-Zero*: how many first steps have no output at all; 1 unless given. */
  zeroInitSteps?: number;
  /** Scale of perturbed-attention guidance, 0 unless given. */
  perturbedScale?: number;
}

/** Guidance over the steps of one image. */
export interface Guidance {
  /** The scale of a step, 1 outside the interval. */
  scaleAt(index: number): number;
  /** Whether a step needs the output for the negative prompt; where not, the pass can be left out. */
  needsUncond(index: number): boolean;
  /** Whether a step needs the output of the perturbed network. */
  needsPerturbed(index: number): boolean;
  /** The guided output of a step. `uncond` is written over; it isn't read where it isn't needed. */
  combine(index: number, cond: Float32Array, uncond?: Float32Array, perturbed?: Float32Array): Float32Array;
}

/**
 * Guidance for a run of `steps` steps, of one image (APG keeps a momentum).
 *
 * @throws InvalidRequestError for a scale, interval or rescale that makes no sense.
 */
export function makeGuidance(settings: GuidanceSettings, steps: number): Guidance {
  const { method = "cfg", rescale = 0, start = 0, end = 1, perturbedScale = 0 } = settings;
  requireInteger("steps", steps, 1, 1_000_000);
  if (!guidanceMethods.includes(method)) invalid("guidance.method", `unknown: ${String(method)}`, guidanceMethods);
  requireNumber("guidance.rescale", rescale, 0, 1);
  requireNumber("guidance.start", start, 0, 1);
  requireNumber("guidance.end", end, start, 1);
  const zeroSteps =
    method === "cfg_zero_star" ? requireInteger("guidance.zeroInitSteps", settings.zeroInitSteps ?? 1, 0, steps) : 0;
  const scales = scalesOf(settings.scale, steps);
  const [from, to] = [Math.floor(start * steps), Math.floor(end * steps)];
  const scaleAt = (index: number) => (index >= from && index < to ? (scales[index] ?? 1) : 1);
  const mix = method === "apg" ? adaptiveProjectedGuidance(settings) : method === "cfg" ? cfg : cfgZeroStar;
  const isZero = (index: number) => index < zeroSteps;
  return {
    scaleAt,
    needsUncond: (index) => !isZero(index) && scaleAt(index) !== 1,
    needsPerturbed: (index) => !isZero(index) && perturbedScale !== 0 && index >= from && index < to,
    combine(index, cond, uncond, perturbed) {
      if (isZero(index)) return new Float32Array(cond.length);
      const scale = scaleAt(index);
      let guided = cond;
      if (scale !== 1)
        guided = mix(uncond ?? invalid("uncond", `step ${index} has scale ${scale} and needs it`), cond, scale);
      if (perturbedScale !== 0 && perturbed && index >= from && index < to) {
        if (guided === cond) guided = cond.slice();
        guided = addPerturbedGuidance(guided, cond, perturbed, perturbedScale);
      }
      return guided === cond ? cond : rescaleGuidance(guided, cond, rescale);
    },
  };
}

function scalesOf(scale: GuidanceSettings["scale"], steps: number): Float64Array {
  const check = (value: number) => requireNumber("guidance.scale", value, -1000, 1000);
  if (typeof scale === "number") return new Float64Array(steps).fill(check(scale));
  if ("from" in scale) {
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
  if (scale.length !== steps)
    invalid("guidance.scale", `has ${scale.length} entries for ${steps} steps; must be as many`);
  return Float64Array.from(scale, check);
}
