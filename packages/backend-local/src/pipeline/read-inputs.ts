import { decodeImage, type GenerationRequest, loadImageSource, type Pixels, resizeImage } from "@latentkit/core";
import type { EngineJob } from "../engine/protocol.ts";
import type { Traits } from "../families/traits.ts";
import { readLatents } from "./read-latents.ts";

/** A request that names its size, and its pictures or latents in that size. */
export interface LocalInputs {
  request: GenerationRequest;
  inputs: EngineJob["inputs"];
}

/**
 * Reads a request's pictures. The output has the size that the request names, else the picture's own, rounded down to
 * what the model can make; pictures of another size are resized to it, as diffusers does.
 *
 * @throws InvalidRequestError, ImageError
 */
export async function readInputs(
  request: GenerationRequest,
  traits: Traits,
  signal: AbortSignal,
): Promise<LocalInputs> {
  const latents = await readLatents(request, traits, signal);
  if (latents !== undefined) {
    const { data, width, height } = latents;
    return { request: { ...request, width, height }, inputs: { latents: data } };
  }
  if ((request.task !== "image-to-image" && request.task !== "inpaint") || request.image === undefined)
    return { request, inputs: {} };
  const image = opaque(await decodeImage(await loadImageSource(request.image, { field: "image", signal }), "image"));
  const fit = (side: number) => {
    const bounded = Math.min(Math.max(side, traits.minSide), traits.maxSide);
    return bounded - (bounded % traits.multipleOf);
  };
  const { width = fit(image.width), height = fit(image.height) } = request;
  const sized = { ...request, width, height };
  const inputs: EngineJob["inputs"] = { image: await resizeTo(image, width, height) };
  if (request.task === "inpaint") {
    const mask = await decodeImage(await loadImageSource(request.mask, { field: "mask", signal }), "mask");
    inputs.mask = await resizeTo(mask, width, height);
  }
  return { request: sized, inputs };
}

/** Without its transparency, which diffusers' examples drop before all else. */
function opaque(image: Pixels): Pixels {
  if (image.channels === 3) return image;
  const { width, height, data } = image;
  const out = new Uint8Array(3 * width * height);
  for (let i = 0, to = 0; i < data.length; i += 4) for (let c = i; c < i + 3; c++) out[to++] = data[c]!;
  return { width, height, channels: 3, data: out };
}

async function resizeTo(image: Pixels, width: number, height: number): Promise<Pixels> {
  return image.width === width && image.height === height ? image : resizeImage(image, width, height);
}
