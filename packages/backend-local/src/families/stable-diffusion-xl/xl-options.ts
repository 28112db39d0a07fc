import type { GenerationRequest, WarningEvent } from "@latentkit/core";
import { z } from "zod";
import type { XLConfig } from "./stable-diffusion-xl-config.ts";

const side = z.int().min(1).max(16_384);
const size = z.strictObject({ width: side, height: side });
const offset = z.int().min(0).max(16_384);
const corner = z.strictObject({ top: offset, left: offset });
const score = z.number().min(0).max(10);

/** What `backendOptions.local` may say to a Stable Diffusion XL model: its micro-conditioning, sizes in pixels. */
export const xlOptionsSchema = z.strictObject({
  /** Size of the picture before it was scaled, as the training data would have it: small ones look enlarged. Default: the picture's. */
  originalSize: size.optional(),
  /** Where the picture was cut out: 0, 0 (the default) centres things. */
  cropTopLeft: corner.optional(),
  /** Size of the picture that is wanted. Default: its own. */
  targetSize: size.optional(),
  /** The same for the negative prompt. Default: the prompt's sizes; the crop as diffusers' pipeline of the task has it. */
  negativeOriginalSize: size.optional(),
  negativeCropTopLeft: corner.optional(),
  negativeTargetSize: size.optional(),
  /** The refiner's scores, 0 to 10. Defaults 6 and 2.5. */
  aestheticScore: score.optional(),
  negativeAestheticScore: score.optional(),
});

/** A request's own, already checked. */
export function xlOptions({ backendOptions }: GenerationRequest): z.output<typeof xlOptionsSchema> {
  return xlOptionsSchema.parse(backendOptions.local ?? {});
}

const otherKinds = {
  sizes: ["aestheticScore", "negativeAestheticScore"],
  aesthetics: ["targetSize", "negativeTargetSize"],
} as const;

/** Options that the other of base and refiner has a place for. */
export function xlOptionWarnings(request: GenerationRequest, kind: XLConfig["timeIds"]): WarningEvent[] {
  const given = xlOptions(request);
  const without = kind === "sizes" ? "only a refiner is told a score" : "a refiner is told no target size";
  return otherKinds[kind]
    .filter((name) => given[name] !== undefined)
    .map((name): WarningEvent => {
      const field = `backendOptions.local.${name}`;
      return { type: "warning", code: "unsupported", field, message: `${field}: has no effect: ${without}` };
    });
}
