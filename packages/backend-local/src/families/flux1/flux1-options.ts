import type { GenerationRequest, WarningEvent } from "@latentkit/core";
import { z } from "zod";

/** What `backendOptions.local` may say to a FLUX.1 model. */
export const flux1OptionsSchema = z.strictObject({
  /** Scale of guidance against the negative prompt, over a second pass in each step, beside the scale that the network takes. Default 1: none. */
  trueCfgScale: z.number().min(1).max(100).optional(),
});

/** A request's own, already checked. */
export function trueScale({ backendOptions }: GenerationRequest): number {
  return flux1OptionsSchema.parse(backendOptions.local ?? {}).trueCfgScale ?? 1;
}

/** A negative prompt that nothing looks at, and a scale that schnell doesn't take. */
export function flux1Warnings(request: GenerationRequest, takesScale: boolean): WarningEvent[] {
  const warn = (field: string, message: string): WarningEvent => ({
    type: "warning",
    code: "unsupported",
    field,
    message: `${field}: ${message}`,
  });
  const negative = "negativePrompt" in request ? request.negativePrompt : undefined;
  return [
    ...(negative !== undefined && negative !== "" && trueScale(request) <= 1
      ? [
          warn(
            "negativePrompt",
            "FLUX.1 looks at it only with backendOptions.local.trueCfgScale above 1; it has no effect",
          ),
        ]
      : []),
    ...(!takesScale && (request.guidanceScale ?? 1) > 1
      ? [warn("guidanceScale", "FLUX.1 schnell was distilled to draw without guidance; the scale has no effect")]
      : []),
  ];
}
