import type { FamilyJob } from "../family.ts";
import type { Texts } from "./clip-states.ts";

/** A job's texts in the order of their passes. Without guidance the unconditional text has no effect: it is not even encoded. */
export function textsOf({ settings: { prompt, negativePrompt }, guided }: FamilyJob): Texts {
  return guided ? { negativePrompt, prompt } : { prompt };
}
