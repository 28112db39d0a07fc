import { condition } from "./conditions.ts";
import type { GraphBuilder, Link } from "./graph.ts";
import { addImagePrompts } from "./image-prompt.ts";
import { loadImage } from "./load-image.ts";
import { loadPipeline } from "./model.ts";
import { encode, makePicture, upscaleByModel } from "./picture.ts";
import type { PlanOf } from "./plan.ts";

/** Enlarges by an upscale model where there is one, else by Lanczos; a prompt adds a light image-to-image pass. */
export function upscale(g: GraphBuilder, plan: PlanOf<"upscale">): Link[] {
  const image = loadImage(g, plan, "image", "image")();
  const large =
    plan.upscaleModel === undefined ? image : upscaleByModel(g, plan.upscaleModel, image, "upscale", "model");
  const { width, height } = plan;
  const inputs = { image: large, upscale_method: "lanczos", width, height, crop: "disabled" };
  const sized = g.add("resize", "ImageScale", inputs, { width: "scale", height: "scale" })();
  if (plan.prompt === "") return Array.from({ length: plan.request.count }, () => sized);
  const pipeline = addImagePrompts(g, plan, loadPipeline(g, plan));
  const conditions = condition(g, plan, pipeline);
  const latent = encode(g, pipeline, sized);
  return Array.from({ length: plan.request.count }, (_, index) =>
    makePicture(g, plan, pipeline, conditions, { index, latent, denoise: plan.refine }),
  );
}
