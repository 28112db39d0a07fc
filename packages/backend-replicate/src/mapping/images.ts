import { FileSlot } from "../files/file-slot.ts";
import { invertMask, maskOfBorder, padImage } from "../files/pixel-work.ts";
import type { Mapping } from "./mapping.ts";

const usualStrength: Readonly<Record<string, number>> = { "image-to-image": 0.8, inpaint: 1, outpaint: 1 };

/** The input image, its mask, and how far to move from it. */
export function mapImages(mapping: Mapping): void {
  const { request } = mapping;
  if (request.task === "text-to-image" || request.task === "unconditional") return;
  if (request.task === "outpaint") {
    // The model paints a masked border: an outpaint is an inpaint on a larger canvas.
    mapping.put("image", new FileSlot(request.image, "image", padImage(request)), "image");
    mapMask(mapping, new FileSlot(request.image, "image", maskOfBorder(request, request.feather)));
  } else if (request.image !== undefined) {
    mapping.put("image", new FileSlot(request.image, "image"), "image");
  }
  if (request.task === "inpaint") mapMask(mapping, new FileSlot(request.mask, "mask"));
  if (request.task === "upscale") mapScale(mapping, request.scale);
  else mapStrength(mapping, request.strength);
}

function mapMask(mapping: Mapping, mask: FileSlot): void {
  const { source, field, transform } = mask;
  const inverted = new FileSlot(source, field, async (bytes, signal, inputs) =>
    invertMask(transform === undefined ? bytes : await transform(bytes, signal, inputs), signal, inputs),
  );
  mapping.put("mask", mapping.family.blackMask ? inverted : mask, field);
}

function mapStrength(mapping: Mapping, strength: number): void {
  const property = mapping.find("strength");
  if (property !== undefined) mapping.set(property, strength, "strength");
  else if (strength !== usualStrength[mapping.request.task])
    mapping.warn("strength", "the model decides itself how far it moves from the image");
}

function mapScale(mapping: Mapping, scale: number): void {
  const property = mapping.find("scale");
  if (property !== undefined) mapping.set(property, scale, "scale");
  else mapping.warn("scale", "the model enlarges by a factor of its own");
}
