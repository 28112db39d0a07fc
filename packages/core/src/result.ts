import type { SerializedError } from "./errors/latentkit-error.ts";
import type { WarningEvent } from "./events.ts";
import type { GeneratedImage } from "./image/generated-image.ts";
import type { Recipe } from "./recipe/recipe.ts";

/** A picture that could not be made, beside others that could. */
export interface ImageFailure {
  index: number;
  seed?: number | string;
  error: SerializedError;
}

/** What a job ends with. */
export interface GenerationResult {
  /** The pictures, by `index`. */
  images: GeneratedImage[];
  /** Pictures of this job that failed; empty when all is well. */
  failures: ImageFailure[];
  /** Every resolved setting of the whole job. */
  recipe: Recipe;
  /** Milliseconds: `totalMs`, and what the backend measured by phase. */
  timings: { totalMs: number } & Record<string, number>;
  warnings: WarningEvent[];
  /** The backend's own figures: billed seconds, cost, memory. */
  metrics: Record<string, unknown>;
}
