import type { SerializedError } from "./errors/latentkit-error.ts";
import type { WarningEvent } from "./events.ts";
import type { GeneratedImage } from "./image/generated-image.ts";
import type { Recipe } from "./recipe/recipe.ts";

/** A picture that could not be made, beside others that could. */
export interface ImageFailure {
  /** Position among `count`, from 0. */
  index: number;
  /** The seed that it would have had, where known. */
  seed?: number | string;
  /** Why. */
  error: SerializedError;
}

/** How long things took, in milliseconds. Every backend has these keys; what it doesn't do, or can't tell, is 0. */
export interface Timings {
  /** From the call to the last picture. */
  totalMs: number;
  /** From the call until the backend began to work: validation, reading inputs, waiting for a turn. */
  queueMs: number;
  /** Bringing up models. */
  loadMs: number;
  /** Sending inputs to a server. */
  uploadMs: number;
  /** Encoding prompts and pictures. */
  encodeMs: number;
  /** Sampling, over all pictures. */
  sampleMs: number;
  /** Decoding latents, over all pictures. */
  decodeMs: number;
  /** Bringing pictures from a server. */
  downloadMs: number;
  /** What a backend measures besides. */
  [phase: `${string}Ms`]: number;
}

/** What a job ends with. */
export interface GenerationResult {
  /** The pictures, by `index`. */
  images: GeneratedImage[];
  /** Pictures of this job that failed; empty when all is well. */
  failures: ImageFailure[];
  /** Every resolved setting of the whole job. */
  recipe: Recipe;
  /** Milliseconds by phase: the same keys from every backend. */
  timings: Timings;
  /** All that was not as asked, in the order in which it was told. */
  warnings: WarningEvent[];
  /** The backend's own figures: billed seconds, cost, memory. */
  metrics: Record<string, unknown>;
}
