import type { GenerationRequest } from "@latentkit/core";
import { InvalidRequestError, optionIssues } from "@latentkit/core";
import { z } from "zod";
import { comfyDetails } from "../comfy-error.ts";
import { families, strengthConventions } from "../comfy-options.ts";
import { FilenamePrefixSchema } from "../filename-prefix.ts";
import { inpaintModes } from "../graph/plan.ts";

const RequestOptionsSchema = z.strictObject({
  family: z.enum(families).optional(),
  textEncoders: z.array(z.string().min(1)).min(1).max(3).optional(),
  vae: z.string().min(1).optional(),
  inpaint: z.enum(inpaintModes).optional(),
  strengthConvention: z.enum(strengthConventions).optional(),
  growMaskBy: z.int().min(0).max(64).default(6),
  refine: z.number().min(0).max(1).default(0.35),
  delivery: z.enum(["view", "temp", "socket"]).optional(),
  filenamePrefix: FilenamePrefixSchema.optional(),
  previewMethod: z.enum(["auto", "latent2rgb", "taesd"]).optional(),
  preprocess: z.boolean().default(false),
  front: z.boolean().default(false),
});

/**
 * What `backendOptions.comfy` takes: `family`, `textEncoders`, `vae`, `delivery`, `filenamePrefix`, `previewMethod` and `strengthConvention`
 * as in the backend's options; `inpaint` (`"noise-mask"`, `"vae-inpaint"`, `"inpaint-model"`) and `growMaskBy`; `refine`,
 * the strength that a prompt gives an upscale; `preprocess`, to have the server make control pictures from photos;
 * `front`, to go before the queue.
 */
export type ComfyRequestOptions = z.input<typeof RequestOptionsSchema>;
/** With defaults filled in. */
export type ResolvedRequestOptions = z.output<typeof RequestOptionsSchema>;

/** @throws InvalidRequestError naming the field below `backendOptions.comfy`. */
export function requestOptions(request: GenerationRequest): ResolvedRequestOptions {
  const parsed = RequestOptionsSchema.safeParse(request.backendOptions["comfy"] ?? {});
  if (parsed.success) return parsed.data;
  const issues = optionIssues(parsed.error, RequestOptionsSchema).map(({ field, ...issue }) => ({
    field: ["backendOptions", "comfy", field].filter(Boolean).join("."),
    ...issue,
  }));
  throw new InvalidRequestError(issues, comfyDetails({ cause: parsed.error }));
}
