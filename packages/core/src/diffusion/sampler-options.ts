import { invalid } from "./invalid.ts";
import type { NumberOption, OptionSpecs } from "./option-spec.ts";
import { readOptions } from "./option-spec.ts";
import type { SamplerName } from "./samplers.ts";
import type { Space } from "./space.ts";

const number = (min: number, max: number, fallback?: number, more: Partial<NumberOption> = {}): NumberOption => ({
  kind: "number",
  min,
  max,
  ...(fallback === undefined ? {} : { default: fallback }),
  ...more,
});
const order = (max: number, fallback: number) => number(1, max, fallback, { integer: true });
const choice = (...values: readonly [string, ...string[]]) => ({ kind: "choice", values, default: values[0] }) as const;
const off = { kind: "boolean", default: false } as const;
const on = { kind: "boolean", default: true } as const;

const sNoise = number(0, 100, 1);
const churn: OptionSpecs = {
  sChurn: number(0, 1000, 0),
  sTmin: number(0, 1e9, 0, { needs: "sChurn" }),
  sTmax: number(0, 1e9, undefined, { needs: "sChurn" }),
  sNoise: number(0, 100, 1, { needs: "sChurn" }),
};
/** Above 1 there is more noise than the level has; k-diffusion's split allows it in the ve space, the flow's doesn't. */
const ancestralEta = number(0, 2, 1, { flowMax: 1 });
const ancestral: OptionSpecs = { eta: ancestralEta, sNoise };
const maybeAncestral: OptionSpecs = { eta: { ...ancestralEta, default: 0 }, sNoise: { ...sNoise, needs: "eta" } };
const sdeEta = number(0, 2, 1);
const sde: OptionSpecs = { eta: sdeEta, sNoise };
const r = number(0.01, 1, 0.5);
const solver = choice("midpoint", "heun");
const phi = choice("phi_1", "phi_2");
const predict = choice("data", "noise");
const finals: OptionSpecs = { lowerOrderFinal: off, eulerAtFinal: off };
const ipndm: OptionSpecs = { order: order(4, 4) };
const uniPc: OptionSpecs = { order: order(4, 3), lowerOrderFinal: on, predict };
const gamma: OptionSpecs = { gamma: number(0, 10, 2) };

/** What each sampler takes as options in a request: the one table, for every backend and the documentation. */
export const samplerOptions: Readonly<Record<SamplerName, OptionSpecs>> = {
  euler: churn,
  euler_cfg_pp: {},
  euler_ancestral: ancestral,
  euler_ancestral_cfg_pp: ancestral,
  heun: churn,
  heunpp2: churn,
  exp_heun_2_x0: { solver: { ...phi, default: "phi_2" } },
  exp_heun_2_x0_sde: { ...sde, solver: { ...phi, default: "phi_2" } },
  dpm_2: churn,
  dpm_2_ancestral: ancestral,
  lms: { order: order(4, 4), fullOrderFinal: off },
  dpm_fast: maybeAncestral,
  dpm_adaptive: {
    order: { ...order(3, 3), min: 2 },
    rtol: number(1e-6, 100, 0.05),
    atol: number(1e-6, 100, 0.0078),
    hInit: number(1e-4, 10, 0.05),
    pcoeff: number(0, 1, 0),
    icoeff: number(0, 1, 1),
    dcoeff: number(0, 1, 0),
    acceptSafety: number(0.01, 1, 0.81),
    ...maybeAncestral,
  },
  dpmpp_2s_ancestral: ancestral,
  dpmpp_2s_ancestral_cfg_pp: ancestral,
  dpmpp_sde: { ...sde, r },
  dpmpp_2m: { solver, ...finals },
  dpmpp_2m_cfg_pp: {},
  dpmpp_2m_sde: { ...sde, solver, ...finals },
  dpmpp_2m_sde_heun: { ...sde, ...finals },
  dpmpp_3m_sde: { ...sde, ...finals },
  ddpm: { variance: choice("small", "large") },
  lcm: { sNoise },
  ipndm,
  ipndm_v: ipndm,
  deis: { order: order(3, 3), lowerOrderFinal: off },
  res_multistep: maybeAncestral,
  res_multistep_cfg_pp: maybeAncestral,
  res_multistep_ancestral: ancestral,
  res_multistep_ancestral_cfg_pp: ancestral,
  gradient_estimation: gamma,
  gradient_estimation_cfg_pp: gamma,
  er_sde: { order: order(3, 3), sNoise },
  seeds_2: { ...sde, r, solver: phi },
  seeds_3: sde,
  sa_solver: { predict, predictorOrder: order(4, 2), correctorOrder: order(4, 2), lowerOrderFinal: on },
  sa_solver_pece: { eta: sdeEta, sNoise, predictorOrder: order(4, 3), correctorOrder: order(4, 4) },
  ddim: { eta: number(0, 1, 0) },
  uni_pc: { ...uniPc, bh: choice("bh1", "bh2") },
  uni_pc_bh2: uniPc,
  pndm: {},
  restart: { sNoise },
  tcd: { eta: number(0, 1, 0.3) },
  consistency: { sNoise },
  dpm_solver_multistep: { predict, solver, eta: { ...sdeEta, default: 0 }, order: order(3, 2), sNoise, ...finals },
  dpm_solver_singlestep: { predict, solver, eta: { ...sdeEta, default: 0 } },
};

/**
 * Checks those of a sampler's options that a request can give; the others are for code.
 *
 * @throws InvalidRequestError naming the option, the sampler and what it takes.
 */
export function checkSamplerOptions(sampler: SamplerName, options: object | undefined, space: Space): void {
  const known = Object.entries(options ?? {}).filter(([name]) => Object.hasOwn(samplerOptions[sampler], name));
  readSamplerOptions(sampler, Object.fromEntries(known), { space });
}

/**
 * Reads a request's sampler options: `s_noise` and `sNoise` are one, and what the sampler doesn't take is refused. `plan` is what they go
 * with: its space bounds some of them, and ComfyUI's `sa_solver` takes what `sa_solver_pece` does.
 *
 * @throws InvalidRequestError naming the option, the sampler and what it takes.
 */
export function readSamplerOptions(
  sampler: SamplerName,
  given: Readonly<Record<string, unknown>>,
  { space, options: own = {} }: { space?: Space; options?: object } = {},
): Record<string, unknown> {
  const asComfy = sampler === "sa_solver" && "asComfy" in own;
  const specs = asComfy
    ? samplerOptions.sa_solver_pece
    : Object.hasOwn(samplerOptions, sampler)
      ? samplerOptions[sampler]
      : undefined;
  if (!specs) return invalid("sampler", `unknown sampler ${String(sampler)}`, Object.keys(samplerOptions));
  const owner = { field: "samplerOptions", owner: `sampler "${sampler}"`, space };
  const read = readOptions(given, specs, owner);
  const { sTmin, sTmax } = read;
  // A range that holds nothing would turn the churn off without a word.
  if (typeof sTmin === "number" && typeof sTmax === "number")
    readOptions({ sTmax }, { sTmax: number(sTmin, 1e9) }, owner);
  return read;
}
