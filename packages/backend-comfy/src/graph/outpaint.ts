import { loadImage } from "./conditions.ts";
import type { GraphBuilder, Link } from "./graph.ts";
import { paintMasked } from "./inpaint.ts";
import type { Plan } from "./plan.ts";

/** Pads the picture and paints the border. */
export function outpaint(g: GraphBuilder, plan: Plan<"outpaint">): Link[] {
  const { left, top, right, bottom, feather, strength } = plan.request;
  const image = loadImage(g, plan, "image", "image")();
  const padded = g.add(
    "pad",
    "ImagePadForOutpaint",
    { image, left, top, right, bottom, feathering: feather },
    { left: "left", top: "top", right: "right", bottom: "bottom", feathering: "feather" },
  );
  return paintMasked(g, plan, padded(0), padded(1), strength);
}
