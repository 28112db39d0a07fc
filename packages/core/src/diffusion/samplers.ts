import type { Sampler } from "./sampler.ts";
import { ddim } from "./samplers/ddim.ts";
import { dpmpp_2m } from "./samplers/dpmpp-2m.ts";
import { euler } from "./samplers/euler.ts";
import { euler_ancestral } from "./samplers/euler-ancestral.ts";

/** Every sampler, by ComfyUI's name where it has one. Adding one is its function and one line here. */
export const samplers = {
  euler,
  euler_ancestral,
  dpmpp_2m,
  ddim,
} as const satisfies Record<string, Sampler<never>>;

/** A sampler's name. */
export type SamplerName = keyof typeof samplers;

/** The names, in the order they are offered. */
export const samplerNames = Object.keys(samplers) as SamplerName[];
