import { condition } from "./conditions.ts";
import { type GraphBuilder, idOf, type Link } from "./graph.ts";
import { addImagePrompts } from "./image-prompt.ts";
import { sizedImage } from "./image-to-image.ts";
import { loadPipeline, type Pipeline } from "./model.ts";
import { encode, makePicture, resize } from "./picture.ts";
import { imageOf, type Plan, type PlanOf } from "./plan.ts";

/** Paints anew where the mask is white; all else stays as it was, to the pixel. */
export function inpaint(g: GraphBuilder, plan: PlanOf<"inpaint">): Link[] {
  const image = sizedImage(g, plan);
  return paintMasked(g, plan, image, sizedMask(g, plan), plan.request.strength);
}

/** The three ways to inpaint; the kept part is put back from `image` afterwards. */
export function paintMasked(g: GraphBuilder, plan: Plan, image: Link, mask: Link, strength: number): Link[] {
  const pipeline = addImagePrompts(g, plan, loadPipeline(g, plan));
  const plain = condition(g, plan, pipeline);
  const { conditions, latent } = start(g, plan, pipeline, plain, image, mask);
  return Array.from({ length: plan.request.count }, (_, index) => {
    const painted = makePicture(g, plan, pipeline, conditions, { index, latent, denoise: strength });
    if (plan.request.hires !== undefined) return painted;
    const inputs = { destination: image, source: painted, x: 0, y: 0, resize_source: false, mask };
    return g.add(idOf("composite", index), "ImageCompositeMasked", inputs)();
  });
}

type Start = { conditions: ReturnType<typeof condition>; latent: Link };

function start(
  g: GraphBuilder,
  plan: Plan,
  pipeline: Pipeline,
  conditions: Start["conditions"],
  pixels: Link,
  mask: Link,
): Start {
  const { vae } = pipeline;
  if (plan.inpaint.mode === "inpaint-model") {
    const inputs = { ...conditions, vae, pixels, mask, noise_mask: true };
    const node = g.add("inpaint-conditioning", "InpaintModelConditioning", inputs);
    return { conditions: { positive: node(0), negative: node(1) }, latent: node(2) };
  }
  if (plan.inpaint.mode === "vae-inpaint") {
    const inputs = { pixels, vae, mask, grow_mask_by: plan.inpaint.growMaskBy };
    const fields = { grow_mask_by: "backendOptions.comfy.growMaskBy" };
    return { conditions, latent: g.add("encode", "VAEEncodeForInpaint", inputs, fields)() };
  }
  const samples = encode(g, pipeline, pixels);
  return { conditions, latent: g.add("noise-mask", "SetLatentNoiseMask", { samples, mask })() };
}

/** The mask's red channel: white is 1, which is "paint here". */
function sizedMask(g: GraphBuilder, plan: Plan): Link {
  const { name, width, height } = imageOf(plan, "mask");
  const mask = g.add("mask", "LoadImageMask", { image: name, channel: "red" }, { image: "mask" })();
  if (width === plan.width && height === plan.height) return mask;
  const asImage = g.add("mask-image", "MaskToImage", { mask })();
  const resized = resize(g, asImage, plan, "mask-resized");
  return g.add("mask-again", "ImageToMask", { image: resized, channel: "red" })();
}
