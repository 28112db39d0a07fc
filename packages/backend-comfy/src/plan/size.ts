import type { GenerationRequest, Issue } from "@latentkit/core";
import type { PlannedImage } from "../graph/plan.ts";
import type { FamilyDefaults } from "./family.ts";

/** Final width and height, and outpaint's hidden margin. */
export interface PlannedSize {
  width: number;
  height: number;
  extra: { right: number; bottom: number };
}

const none = { right: 0, bottom: 0 };

/** A picture's size: as asked, else its input's, else what the model was trained for. */
export function planSize(
  request: GenerationRequest,
  images: ReadonlyMap<string, PlannedImage>,
  { side, multipleOf }: FamilyDefaults,
): PlannedSize | { issue: Issue } {
  const image = images.get("image");
  const { width, height } = request;
  if (request.task === "upscale" && image !== undefined) {
    const { scale } = request;
    return { width: Math.round(image.width * scale), height: Math.round(image.height * scale), extra: none };
  }
  if (request.task === "outpaint" && image !== undefined) {
    const full = {
      width: image.width + request.left + request.right,
      height: image.height + request.top + request.bottom,
    };
    if ((width ?? full.width) !== full.width || (height ?? full.height) !== full.height) {
      const message = `follows from the image and its new borders (${full.width} × ${full.height}): leave width and height out`;
      return { issue: { field: width === full.width ? "height" : "width", message } };
    }
    return { ...full, extra: { right: -full.width & 7, bottom: -full.height & 7 } };
  }
  if (image === undefined) return { width: width ?? side, height: height ?? side, extra: none };
  const round = (length: number) => Math.max(16, Math.round(length / multipleOf) * multipleOf);
  const down = (length: number) => Math.max(16, Math.floor(length / multipleOf) * multipleOf);
  return {
    width: width ?? (height === undefined ? down(image.width) : round((image.width * height) / image.height)),
    height: height ?? (width === undefined ? down(image.height) : round((image.height * width) / image.width)),
    extra: none,
  };
}
