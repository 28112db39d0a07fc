import type { Space } from "../space.ts";
import { alphaOf } from "../space.ts";

/** What the ancestral samplers take. */
export interface AncestralOptions {
  /** How much of the ancestral noise to use: 0 is deterministic, 1 (the default) is all. */
  eta?: number;
  /** The added noise's standard deviation. */
  sNoise?: number;
}

/** An ancestral step in two halves: down to `sigmaDown` without noise, then `x ← keep·x + sigmaUp·noise`, which is at `sigmaNext`. */
export interface AncestralStep {
  sigmaDown: number;
  sigmaUp: number;
  keep: number;
}

/**
 * Splits the step from σ to σ'. In the ve space, k-diffusion's σ_up = min(σ', η √(σ'²(σ² − σ'²)/σ²)), σ_down = √(σ'² − σ_up²);
 * in the flow space, where signal and noise trade off, σ_down = σ'(1 + (σ'/σ − 1)η) and the signal is scaled back to α'.
 */
export function ancestralStep(sigma: number, sigmaNext: number, eta: number, space: Space): AncestralStep {
  if (sigmaNext === 0 || eta === 0) return { sigmaDown: sigmaNext, sigmaUp: 0, keep: 1 };
  if (space === "flow") {
    const sigmaDown = sigmaNext * (1 + (sigmaNext / sigma - 1) * eta);
    const keep = alphaOf(space, sigmaNext) / alphaOf(space, sigmaDown);
    return { sigmaDown, sigmaUp: Math.sqrt(Math.max(0, sigmaNext ** 2 - (sigmaDown * keep) ** 2)), keep };
  }
  const full = sigmaNext * Math.sqrt(Math.max(0, 1 - (sigmaNext / sigma) ** 2));
  const sigmaUp = Math.min(sigmaNext, eta * full);
  return { sigmaDown: Math.sqrt(sigmaNext ** 2 - sigmaUp ** 2), sigmaUp, keep: 1 };
}
