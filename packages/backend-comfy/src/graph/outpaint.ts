import { type GraphBuilder, idOf, type Link } from "./graph.ts";
import { paintMasked } from "./inpaint.ts";
import { loadImage } from "./load-image.ts";
import type { PlanOf } from "./plan.ts";

/** Pads the picture and paints the border. */
export function outpaint(g: GraphBuilder, plan: PlanOf<"outpaint">): Link[] {
  const { left, top, right, bottom, feather: feathering, strength } = plan.request;
  const { extra, width, height } = plan;
  const image = loadImage(g, plan, "image", "image")();
  const padded = g.add(
    "pad",
    "ImagePadForOutpaint",
    { image, left, top, right: right + extra.right, bottom: bottom + extra.bottom, feathering },
    { left: "left", top: "top", right: "right", bottom: "bottom", feathering: "feather" },
  );
  const painted = paintMasked(g, plan, padded(0), padded(1), strength);
  if (extra.right + extra.bottom === 0) return painted;
  const { scale = 1 } = plan.request.hires ?? {};
  const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
  return painted.map((picture, i) => g.add(idOf("crop", i), "ImageCrop", { image: picture, ...size, x: 0, y: 0 })());
}
