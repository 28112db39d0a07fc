import { condition } from "./conditions.ts";
import { type GraphBuilder, idOf, type Link } from "./graph.ts";
import { addImagePrompts } from "./image-prompt.ts";
import { sizedImage } from "./image-to-image.ts";
import { loadPipeline, type Pipeline } from "./model.ts";
import { encode, hiresSize, makePicture, resize } from "./picture.ts";
import { imageOf, type Plan, type PlanOf } from "./plan.ts";

/** Paints anew where the mask is white; all else stays as it was, to the pixel. */
export function inpaint(g: GraphBuilder, plan: PlanOf<"inpaint">): Link[] {
  const image = sizedImage(g, plan);
  return paintMasked(g, plan, image, sizedMask(g, plan), plan.request.strength);
}

/** The three ways to inpaint; the kept part is put back from `image` afterwards, enlarged where there is a hires pass, unless that is off. */
export function paintMasked(g: GraphBuilder, plan: Plan, image: Link, mask: Link, strength: number): Link[] {
  const pipeline = addImagePrompts(g, plan, loadPipeline(g, plan));
  const plain = condition(g, plan, pipeline);
  const { conditions, latent } = start(g, plan, pipeline, plain, image, mask);
  const keeps = "keepUnmasked" in plan.request && plan.request.keepUnmasked;
  const kept = !keeps || plan.request.hires === undefined ? { image, mask } : enlarged(g, plan, image, mask);
  return Array.from({ length: plan.request.count }, (_, index) => {
    const source = makePicture(g, plan, pipeline, conditions, { index, latent, denoise: strength });
    if (!keeps) return source;
    const inputs = { destination: kept.image, source, x: 0, y: 0, resize_source: false, mask: kept.mask };
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
  return resizedMask(g, mask, plan, "mask");
}

function resizedMask(g: GraphBuilder, mask: Link, size: { width: number; height: number }, id: string): Link {
  const asImage = g.add(`${id}-image`, "MaskToImage", { mask })();
  const resized = resize(g, asImage, size, `${id}-resized`);
  return g.add(`${id}-again`, "ImageToMask", { image: resized, channel: "red" })();
}

/** What is kept, as large as a hires pass paints. */
function enlarged(g: GraphBuilder, plan: Plan, image: Link, mask: Link): { image: Link; mask: Link } {
  const size = hiresSize(plan);
  return { image: resize(g, image, size, "kept-image"), mask: resizedMask(g, mask, size, "kept-mask") };
}
