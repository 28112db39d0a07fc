import type { SamplerInput, SamplerStep } from "../sampler.ts";
import { type DpmSolverOptions, dpm_solver_multistep } from "./dpm-solver-multistep.ts";

/**
 * DPM-Solver++(2M): Algorithm 2 of Lu et al. 2022 (https://arxiv.org/abs/2211.01095), a second-order multistep method in
 * λ = log(α/σ). The first step, and the step to σ = 0, are of first order.
 */
export function dpmpp_2m(
  input: SamplerInput<DpmSolverOptions & { asComfy?: boolean }>,
): AsyncGenerator<SamplerStep, void, void> {
  // ComfyUI takes every σ for k-diffusion's, a flow's too.
  const space = input.options?.asComfy ? { space: "ve" as const } : {};
  return dpm_solver_multistep({ ...input, ...space, options: { ...input.options, predict: "data", order: 2, eta: 0 } });
}

/**
 * DPM-Solver++(2M) SDE: the SDE form of Algorithm 2 of Lu et al. 2022 (https://arxiv.org/abs/2211.01095). `eta` 1 unless given.
 */
export function dpmpp_2m_sde(input: SamplerInput<DpmSolverOptions>): AsyncGenerator<SamplerStep, void, void> {
  return dpm_solver_multistep({ ...input, options: { eta: 1, ...input.options, predict: "data", order: 2 } });
}

/** {@link dpmpp_2m_sde} with the Heun form of the second-order term. */
export function dpmpp_2m_sde_heun(input: SamplerInput<DpmSolverOptions>): AsyncGenerator<SamplerStep, void, void> {
  return dpmpp_2m_sde({ ...input, options: { ...input.options, solver: "heun" } });
}

/** DPM-Solver++(3M) SDE: third order, after Lu et al. 2022 (https://arxiv.org/abs/2211.01095). `eta` 1 unless given. */
export function dpmpp_3m_sde(input: SamplerInput<DpmSolverOptions>): AsyncGenerator<SamplerStep, void, void> {
  return dpm_solver_multistep({
    ...input,
    options: { eta: 1, ...input.options, predict: "data", solver: "heun", order: 3 },
  });
}
