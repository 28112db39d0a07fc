import { condition } from "./conditions.ts";
import type { GraphBuilder, Link } from "./graph.ts";
import { addImagePrompts } from "./image-prompt.ts";
import { loadImage } from "./load-image.ts";
import { loadPipeline } from "./model.ts";
import { encode, makePicture, resize } from "./picture.ts";
import { imageOf, type Plan, type PlanOf } from "./plan.ts";

/** Picture to picture, from its own latent with `strength` of noise. */
export function imageToImage(g: GraphBuilder, plan: PlanOf<"image-to-image">): Link[] {
  const pipeline = addImagePrompts(g, plan, loadPipeline(g, plan));
  const conditions = condition(g, plan, pipeline);
  const latent = encode(g, pipeline, sizedImage(g, plan));
  return Array.from({ length: plan.request.count }, (_, index) =>
    makePicture(g, plan, pipeline, conditions, { index, latent, denoise: plan.request.strength }),
  );
}

/** The request's image in the planned size. */
export function sizedImage(g: GraphBuilder, plan: Plan): Link {
  const image = loadImage(g, plan, "image", "image")();
  const { width, height } = imageOf(plan, "image");
  return width === plan.width && height === plan.height ? image : resize(g, image, plan, "image-resized");
}
