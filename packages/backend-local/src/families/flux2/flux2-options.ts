import type { GenerationRequest } from "@latentkit/core";
import { z } from "zod";
import type { ModelParts } from "../../models/model.ts";
import { isNamed } from "../shared/is-named.ts";

/** What `backendOptions.local` may say to a FLUX.2 model. */
export const flux2OptionsSchema = z.strictObject({
  /**
   * Whether reference pictures attend to each other alone, as at time 0, so that what they are to the picture is made once, and not in each step. Default:
   * true for FLUX.2 klein KV, which was trained so; another model's pictures change by it.
   */
  cacheReferences: z.boolean().optional(),
});

/** Whether a model is FLUX.2 klein KV: by its pipeline, or by its name, as its weights are like klein's. */
export function isKV(model: Pick<ModelParts, "path" | "index" | "pipeline">): boolean {
  return model.pipeline === "Flux2KleinKVPipeline" || isNamed(model, /klein.*[-_. ]kv(?![a-z])/i);
}

/** Whether a request's reference pictures are made ready once for all steps. */
export function cachesReferences(
  { backendOptions }: GenerationRequest,
  model: Pick<ModelParts, "path" | "index" | "pipeline">,
): boolean {
  return flux2OptionsSchema.parse(backendOptions.local ?? {}).cacheReferences ?? isKV(model);
}
