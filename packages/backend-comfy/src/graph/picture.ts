import { type GraphBuilder, idOf, type Link } from "./graph.ts";
import type { Conditions } from "./guides.ts";
import type { Pipeline } from "./model.ts";
import type { Plan } from "./plan.ts";
import { sample } from "./sample.ts";

/** Samples, refines and decodes picture `index` from a latent. */
export function makePicture(
  g: GraphBuilder,
  plan: Plan,
  pipeline: Pipeline,
  conditions: Conditions,
  { index, latent, denoise }: { index: number; latent: Link; denoise: number },
): Link {
  const first = sample(g, plan, pipeline, conditions, { name: "sampler", index, latent, denoise, steps: plan.steps });
  const { hires } = plan.request;
  if (hires === undefined) return decode(g, pipeline, index, first);
  const second = sample(g, plan, pipeline, conditions, {
    name: "hires-sampler",
    index,
    latent: enlarge(g, plan, pipeline, index, first),
    denoise: hires.strength,
    denoiseField: "hires.strength",
    steps: hires.steps ?? plan.steps,
    stepsField: "hires.steps",
  });
  return decode(g, pipeline, index, second);
}

/** Latent to picture. */
export function decode(g: GraphBuilder, { vae }: Pipeline, index: number, samples: Link, name = "decode"): Link {
  return g.add(idOf(name, index), "VAEDecode", { samples, vae })();
}

/** Picture to latent. */
export function encode(g: GraphBuilder, { vae }: Pipeline, pixels: Link, id = "encode"): Link {
  return g.add(id, "VAEEncode", { pixels, vae })();
}

/** Our names of latent interpolation, as LatentUpscaleBy has them. */
const latentMethods: Readonly<Record<string, string>> = {
  nearest: "nearest-exact",
  "nearest-exact": "nearest-exact",
  bilinear: "bilinear",
  bicubic: "bicubic",
  area: "area",
  bislerp: "bislerp",
};

/** Whether a hires upscaler is an interpolation of latents, and not a model's name. */
export function isLatentMethod(upscaler: string): boolean {
  return upscaler in latentMethods;
}

function enlarge(g: GraphBuilder, plan: Plan, pipeline: Pipeline, index: number, samples: Link): Link {
  const { scale, upscaler = "nearest" } = plan.request.hires!;
  if (plan.upscaleModel === undefined) {
    const inputs = { samples, upscale_method: latentMethods[upscaler] ?? upscaler, scale_by: scale };
    const fields = { upscale_method: "hires.upscaler", scale_by: "hires.scale" };
    return g.add(idOf("hires-latent", index), "LatentUpscaleBy", inputs, fields)();
  }
  const image = decode(g, pipeline, index, samples, "hires-decode");
  const upscaled = upscaleByModel(g, plan.upscaleModel, image, idOf("hires-upscale", index), "hires.upscaler");
  const resized = resize(g, upscaled, hiresSize(plan), idOf("hires-resize", index));
  return encode(g, pipeline, resized, idOf("hires-encode", index));
}

/** Size of what a hires pass paints, outpaint's hidden margin included: latents are scaled, 8 pixels each, halves to even. */
export function hiresSize({ width, height, extra, request }: Plan): { width: number; height: number } {
  const side = (length: number) => {
    const exact = (length / 8) * request.hires!.scale;
    const rounded = Math.round(exact);
    return (exact % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded) * 8;
  };
  return { width: side(width + extra.right), height: side(height + extra.bottom) };
}

/** Enlarges by an upscale model's own factor. */
export function upscaleByModel(g: GraphBuilder, model: string, image: Link, id: string, field: string): Link {
  const loader = g.add("upscale-model", "UpscaleModelLoader", { model_name: model }, { model_name: field });
  return g.add(id, "ImageUpscaleWithModel", { upscale_model: loader(), image })();
}

/** Scales a picture to a size, cutting off what does not fit its shape. */
export function resize(
  g: GraphBuilder,
  image: Link,
  { width, height }: { width: number; height: number },
  id: string,
): Link {
  const inputs = { image, upscale_method: "lanczos", width, height, crop: "center" };
  return g.add(id, "ImageScale", inputs, { width: "width", height: "height" })();
}

/** The end of picture `index`: a file in the output or temp folder, or bytes over the socket. */
export function deliver(g: GraphBuilder, plan: Plan, index: number, images: Link): string {
  const id = idOf("save", index);
  if (plan.delivery === "socket") g.add(id, "SaveImageWebsocket", { images });
  else if (plan.delivery === "temp") g.add(id, "PreviewImage", { images });
  else g.add(id, "SaveImage", { images, filename_prefix: plan.filenamePrefix });
  return id;
}
