import type { Family } from "../comfy-options.ts";
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

const latentNodes: Partial<Record<Family, string>> = {
  sd: "EmptyLatentImage",
  sdxl: "EmptyLatentImage",
  flux2: "EmptyFlux2LatentImage",
  flux3: "EmptyFlux2LatentImage",
  // The server fits an empty latent of 4 channels to what these models have.
  krea2: "EmptyLatentImage",
  "qwen-image-2.1": "EmptyLatentImage",
};

/** Stable Diffusion 1 to XL have 4 latent channels, most later families 16, FLUX.2's autoencoder 128 of half the side. */
export function emptyLatentNode(family: Family): string {
  return latentNodes[family] ?? "EmptySD3LatentImage";
}

function emptyLatent(g: GraphBuilder, { family, width, height }: Plan): Link {
  const classType = emptyLatentNode(family);
  return g.add("latent", classType, { width, height, batch_size: 1 }, { width: "width", height: "height" })();
}
