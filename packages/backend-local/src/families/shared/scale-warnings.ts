import type { WarningEvent } from "@latentkit/core";
import type { FamilyJob, OpenModel } from "../family.ts";

/** The distilled model takes no scale, and diffusers passes over one. */
export function scaleWarnings({ model }: OpenModel, { request }: FamilyJob): WarningEvent[] {
  if (model.traits.guidance !== "none" || (request.guidanceScale ?? 1) <= 1) return [];
  const message = "guidanceScale: this model was distilled to draw without guidance; the scale has no effect";
  return [{ type: "warning", code: "unsupported", field: "guidanceScale", message }];
}
