import {
  type CallInputs,
  type DecodeOptions,
  type GenerationRequest,
  type ImageSource,
  InvalidRequestError,
  type Pixels,
  resizeImage,
  type WarningEvent,
} from "@latentkit/core";
import type { EngineJob } from "../engine/protocol.ts";
import type { Traits } from "../families/traits.ts";
import { readLatents } from "./read-latents.ts";
import { readPicture } from "./read-picture.ts";
import { readReferences } from "./read-references.ts";

/** A request that names its size, and its pictures or latents in that size. */
export interface LocalInputs {
  request: GenerationRequest;
  inputs: EngineJob["inputs"];
  /** Of a picture that is made larger unasked, as the model can make none as small. */
  warnings?: readonly WarningEvent[];
}

/**
 * Reads a request's pictures. The output has the size that the request names, else the picture's own, rounded down to
 * what the model can make; pictures of another size are resized to it, as diffusers does. One that is larger than the model can make is
 * not made smaller unasked.
 *
 * @throws InvalidRequestError, ImageError
 */
export async function readInputs(
  request: GenerationRequest,
  traits: Traits,
  signal: AbortSignal,
  rules: CallInputs = {},
): Promise<LocalInputs> {
  const read = await readReferences(request, traits, signal, rules);
  if (read === undefined) return readOwnInputs(request, traits, signal, rules);
  const { setsSize } = traits.references!;
  const { width, height } = read.references.at(setsSize === "last" ? -1 : 0)!;
  const sized = setsSize && request.task === "text-to-image" ? { width, height, ...named(request) } : {};
  const own = await readOwnInputs({ ...request, ...sized }, traits, signal, rules);
  return { ...own, inputs: { ...own.inputs, ...read } };
}

/** The sides that a request names. */
function named({ width, height }: GenerationRequest): { width?: number; height?: number } {
  return { ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }) };
}

async function readOwnInputs(
  request: GenerationRequest,
  traits: Traits,
  signal: AbortSignal,
  rules: CallInputs,
): Promise<LocalInputs> {
  const latents = await readLatents(request, traits, signal, rules);
  if (latents !== undefined) {
    const { data, width, height } = latents;
    return { request: { ...request, width, height }, inputs: { latents: data } };
  }
  const takesPicture = ["image-to-image", "inpaint", "upscale"].includes(request.task);
  if (!takesPicture || !("image" in request) || request.image === undefined) return { request, inputs: {} };
  const read = (source: ImageSource, field: string, opaque: boolean, size: DecodeOptions["size"]) =>
    readPicture(source, field, { signal, rules, opaque, size });
  const { minSide, maxSide, multipleOf } = traits;
  const times = (request.task === "upscale" ? traits.enlarges : undefined) ?? 1;
  const fit = (side: number) => {
    const least = Math.max(side * times, minSide);
    const rounded = least - (least % multipleOf);
    if (rounded <= maxSide) return rounded / times;
    const help = times > 1 ? `, which become ${maxSide}` : ": name width and height, to which it is resized";
    const message = `has a side of ${side} pixels; must have at most ${Math.floor(maxSide / times)}${help}`;
    throw new InvalidRequestError([{ field: "image", message }], { backend: "local" });
  };
  if (request.task === "upscale" && traits.atOnce) {
    const { scale } = request;
    const enlarged = ({ width, height }: { width: number; height: number }) => ({
      width: Math.round(width * scale),
      height: Math.round(height * scale),
    });
    const image = await read(request.image, "image", true, (size) => {
      const { width, height } = enlarged(size);
      if (Math.max(width, height) <= maxSide) return size;
      const message = `becomes ${width}×${height}; at most ${maxSide} pixels a side are made`;
      throw new InvalidRequestError([{ field: "image", message }], { backend: "local" });
    });
    return withOwnSize(request, image, enlarged(image), scale);
  }
  if (request.task === "upscale") {
    const own = await read(request.image, "image", true, (size) => {
      // Refused before it is decoded.
      fit(size.width);
      fit(size.height);
      return size;
    });
    // diffusers' upscaler brings odd sides to a multiple of the VAE's with another filter than its other pipelines.
    const image = await resizeImage(own, fit(own.width), fit(own.height), "bicubic");
    const size = { width: image.width * times, height: image.height * times };
    return { ...withOwnSize(request, image, size, times), ...enlargement(own, image) };
  }
  // Mostly without its transparency, which diffusers' examples drop before all else.
  let told = {};
  const image = await read(request.image, "image", !traits.transparent, (own) => {
    const size = { width: request.width ?? fit(own.width), height: request.height ?? fit(own.height) };
    // A side that is named is asked for.
    told = enlargement({ ...own, ...named(request) }, size);
    return size;
  });
  const { width, height } = image;
  const inputs: EngineJob["inputs"] = { image };
  if (request.task === "inpaint") inputs.mask = await read(request.mask, "mask", false, () => ({ width, height }));
  return { request: { ...request, width, height }, inputs, ...told };
}

type Size = Pick<Pixels, "width" | "height">;

/** A picture's sides are otherwise only rounded down. */
function enlargement(own: Size, made: Size): Pick<LocalInputs, "warnings"> {
  if (made.width <= own.width && made.height <= own.height) return {};
  const message = `image: is ${own.width}×${own.height}, smaller than this model can make; it is enlarged to ${made.width}×${made.height}`;
  return { warnings: [{ type: "warning", code: "image_enlarged", field: "image", message }] };
}

/** An upscale's size follows from its picture. */
function withOwnSize(
  request: GenerationRequest,
  image: Pixels,
  size: { width: number; height: number },
  times: number,
): LocalInputs {
  for (const field of ["width", "height"] as const) {
    if ((request[field] ?? size[field]) === size[field]) continue;
    const message = `must be ${size[field]}, ${times} times the picture's, or left out; not ${request[field]}`;
    throw new InvalidRequestError([{ field, message }], { backend: "local" });
  }
  return { request: { ...request, ...size }, inputs: { image } };
}
