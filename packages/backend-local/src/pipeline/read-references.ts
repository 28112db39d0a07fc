import type { CallInputs, GenerationRequest, Pixels } from "@latentkit/core";
import type { ReferenceRules, Traits } from "../families/traits.ts";
import { invalidField } from "../invalid-field.ts";
import { fillUp, sizeToFill } from "./fill-up.ts";
import { readPicture } from "./read-picture.ts";

/**
 * A request's reference pictures, each in a size of its own: those that are too large made smaller, sides cut to what the network takes, as
 * by the model's pipeline.
 *
 * @throws InvalidRequestError, ImageError naming the picture's field.
 */
export async function readReferences(
  { conditioning }: GenerationRequest,
  { references: rules }: Traits,
  signal: AbortSignal,
  calls: CallInputs = {},
): Promise<readonly Pixels[] | undefined> {
  const entries = conditioning.flatMap((entry, i) =>
    entry.kind === "reference" ? [{ image: entry.image, at: `conditioning[${i}]` }] : [],
  );
  if (entries.length === 0 || rules === undefined) return undefined;
  if (entries.length > rules.most)
    throw invalidField(
      entries[rules.most]!.at,
      `is one too many: this model takes ${rules.most} reference pictures at most`,
    );
  const { alone, multipleOf } = rules;
  const fills = alone && entries.length === 1 ? { ...alone, multipleOf } : undefined;
  const pictures: Pixels[] = [];
  for (const { image, at } of entries) {
    const field = `${at}.image`;
    const size = (own: Size) => (fills ? sizeToFill(own, fills) : sizeOf(own, rules, field));
    const picture = await readPicture(image, field, { signal, rules: calls, size });
    pictures.push(fills ? fillUp(picture, fills) : cutTo(picture, multipleOf));
  }
  return pictures;
}

type Size = Pick<Pixels, "width" | "height">;

function sizeOf(
  { width, height }: Size,
  { area, sizes, minSide, maxRatio = Number.POSITIVE_INFINITY }: ReferenceRules,
  field: string,
): Size {
  if (Math.min(width, height) < minSide)
    throw invalidField(field, `is ${width}×${height}; a reference picture has at least ${minSide} pixels on each side`);
  if (Math.max(width / height, height / width) > maxRatio)
    throw invalidField(field, `is ${width}×${height}; a side can be at most ${maxRatio} times the other`);
  if (sizes !== undefined) return nearestShape(width / height, sizes);
  if (width * height <= area) return { width, height };
  const scale = Math.sqrt(area / (width * height));
  return { width: Math.trunc(width * scale), height: Math.trunc(height * scale) };
}

function nearestShape(ratio: number, sizes: NonNullable<ReferenceRules["sizes"]>): Size {
  const off = ([w, h]: readonly [number, number]) => Math.abs(ratio - w / h);
  const [width, height] = sizes.reduce((best, each) => (off(each) < off(best) ? each : best));
  return { width, height };
}

/** The middle of a picture, its sides multiples of `multiple`. */
function cutTo({ width, height, channels, data }: Pixels, multiple: number): Pixels {
  const [w, h] = [width - (width % multiple), height - (height % multiple)];
  if (w === width && h === height) return { width, height, channels, data };
  const [left, top] = [Math.floor((width - w) / 2), Math.floor((height - h) / 2)];
  const cut = new Uint8Array(w * h * channels);
  for (let y = 0; y < h; y++) {
    const from = ((top + y) * width + left) * channels;
    cut.set(data.subarray(from, from + w * channels), y * w * channels);
  }
  return { width: w, height: h, channels, data: cut };
}
