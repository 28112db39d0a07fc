import { condition } from "./conditions.ts";
import type { GraphBuilder, Link } from "./graph.ts";
import { addImagePrompts } from "./image-prompt.ts";
import { loadPipeline } from "./model.ts";
import { makePicture } from "./picture.ts";
import type { Plan } from "./plan.ts";

/** Noise to picture; for the `unconditional` task too, whose prompt is empty. */
export function textToImage(g: GraphBuilder, plan: Plan): Link[] {
  const pipeline = addImagePrompts(g, plan, loadPipeline(g, plan));
  const conditions = condition(g, plan, pipeline);
  const latent = emptyLatent(g, plan);
  return Array.from({ length: plan.request.count }, (_, index) =>
    makePicture(g, plan, pipeline, conditions, { index, latent, denoise: 1 }),
  );
}

/** Stable Diffusion 1 to XL have 4 latent channels, the later families 16. */
function emptyLatent(g: GraphBuilder, { family, width, height }: Plan): Link {
  const classType = family === "sd" || family === "sdxl" ? "EmptyLatentImage" : "EmptySD3LatentImage";
  return g.add("latent", classType, { width, height, batch_size: 1 }, { width: "width", height: "height" })();
}
