import { blend } from "../blend.ts";
import { invalid } from "../invalid.ts";
import { latentLike } from "../kernels/workspaces.ts";
import { begin, type SamplerInput, type SamplerStep } from "../sampler.ts";
import { alphaOf, ratioOf } from "../space.ts";
import { type AncestralOptions, ancestralStep } from "./ancestral.ts";

/** What the CFG++ samplers take. */
export interface CfgPlusPlusOptions extends AncestralOptions {
  /** The unconditional x0 of the model's last call, which the guided one was made of. */
  uncond?: () => Float32Array;
}

/**
 * CFG++ with ancestral Euler (DDIM) steps: Chung et al. 2024 (https://arxiv.org/abs/2406.08070): x0 is the guided one, the way back to
 * noise the unconditional one's.
 */
export async function* euler_ancestral_cfg_pp(
  input: SamplerInput<CfgPlusPlusOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, space, noise, options } = begin(input);
  const { eta = 1, sNoise = 1 } = options;
  const uncond = requireUncond(options.uncond);
  const place = latentLike(x);
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place);
    if (sigmaNext === 0) x.set(denoised);
    else {
      const [alpha, alphaNext] = [alphaOf(space, sigma), alphaOf(space, sigmaNext)];
      const { sigmaDown, sigmaUp } = ancestralStep(ratioOf(space, sigma), ratioOf(space, sigmaNext), eta, "ve");
      const back = (alphaNext * sigmaDown) / sigma;
      blend(x, [back, alphaNext, -back * alpha], [x, denoised, uncond()]);
      if (eta > 0) blend(x, [1, alphaNext * sNoise * sigmaUp], [x, noise(sigma, sigmaNext)]);
    }
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}

/** {@link euler_ancestral_cfg_pp} without noise. */
export function euler_cfg_pp(input: SamplerInput<CfgPlusPlusOptions>): AsyncGenerator<SamplerStep, void, void> {
  return euler_ancestral_cfg_pp({ ...input, options: { ...input.options, eta: 0 } });
}

/**
 * CFG++ (Chung et al. 2024, https://arxiv.org/abs/2406.08070) with DPM-Solver++(2M) steps (Lu et al. 2022,
 * https://arxiv.org/abs/2211.01095).
 */
export async function* dpmpp_2m_cfg_pp(
  input: SamplerInput<CfgPlusPlusOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, options } = begin(input, ["ve", "flow"]);
  const uncond = requireUncond(options.uncond);
  const [place, kept] = [latentLike(x), latentLike(x)];
  let previous: Float32Array | undefined;
  for (let i = 0; i < steps; i++) {
    const sigma = sigmas[i]!;
    const sigmaNext = sigmas[i + 1]!;
    const denoised = await model(x, sigma, i, place);
    const now = uncond();
    const shrink = sigmaNext / sigma;
    if (previous && sigmaNext > 0 && sigmas[i - 1]! > sigma && sigma > sigmaNext) {
      const r = Math.log(sigmas[i - 1]! / sigma) / Math.log(sigma / sigmaNext);
      const slope = (1 - shrink) / (2 * r);
      blend(x, [shrink, 1 + slope, -shrink, -slope], [x, denoised, now, previous]);
    } else blend(x, [shrink, 1, -shrink], [x, denoised, now]);
    previous = blend(kept, [1], [now]);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}

/**
 * CFG++ (Chung et al. 2024, https://arxiv.org/abs/2406.08070) with ancestral DPM-Solver++(2S) steps (Lu et al. 2022,
 * https://arxiv.org/abs/2211.01095), r = ½. Two model calls a step, one in a step to σ = 0.
 */
export async function* dpmpp_2s_ancestral_cfg_pp(
  input: SamplerInput<CfgPlusPlusOptions>,
): AsyncGenerator<SamplerStep, void, void> {
  const { model, x, sigmas, steps, noise, options } = begin(input, ["ve", "flow"]);
  const { eta = 1, sNoise = 1 } = options;
  const uncond = requireUncond(options.uncond);
  const [trial, place, placeMiddle, kept] = [latentLike(x), latentLike(x), latentLike(x), latentLike(x)];
  for (let i = 0; i < steps; i++) {
    const [sigma, sigmaNext] = [sigmas[i]!, sigmas[i + 1]!];
    const { sigmaDown, sigmaUp } = ancestralStep(sigma, sigmaNext, eta, "ve");
    const first = await model(x, sigma, i, place);
    let denoised = first;
    if (sigmaDown === 0) x.set(first);
    else {
      blend(kept, [1], [first]);
      const middle = Math.sqrt(sigma * sigmaDown);
      const [half, whole] = [middle / sigma, sigmaDown / sigma];
      // x is moved by the guidance, x0 − the unconditional one, before each part of the step.
      blend(trial, [half, 1, -half], [x, first, uncond()]);
      denoised = await model(trial, middle, i, placeMiddle);
      // The second time the unconditional estimate is the newer one's, as in ComfyUI.
      blend(x, [whole, whole, -whole, 1 - whole], [x, kept, uncond(), denoised]);
    }
    if (sigmaUp > 0) blend(x, [1, sNoise * sigmaUp], [x, noise(sigma, sigmaNext)]);
    yield { step: i + 1, steps, sigma, sigmaNext, x, denoised };
  }
}

/** The unconditional estimates, without which there is no CFG++. */
export function requireUncond(uncond: (() => Float32Array) | undefined): () => Float32Array {
  return uncond ?? invalid("options.uncond", "a CFG++ sampler needs the unconditional estimate of each model call");
}
