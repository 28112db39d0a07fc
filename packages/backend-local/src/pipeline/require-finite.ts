import { GenerationError } from "@latentkit/core";

/** Refuses values that are no numbers or infinite: what is made of them would be black, and would not say so. @throws GenerationError */
export function requireFinite(values: Float32Array, network: string): void {
  for (const value of values) {
    // Of both, the difference from itself is no number.
    if (value - value === 0) continue;
    const kind = Number.isNaN(value) ? "are no numbers (NaN)" : "are infinite";
    const message = `The ${network} gave values that ${kind}: its weights may be damaged, or not be of this model.`;
    throw new GenerationError(message, { backend: "local", details: { network } });
  }
}
