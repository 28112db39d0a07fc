import { type CallInputs, type GenerationRequest, type Pixels, resizeImage } from "@latentkit/core";
import type { EngineJob } from "../engine/protocol.ts";
import type { ReferenceRules, SeenRules, Traits } from "../families/traits.ts";
import { invalidField } from "../invalid-field.ts";
import { fillUp, sizeToFill } from "./fill-up.ts";
import { readPicture } from "./read-picture.ts";

/** Reference pictures as they are encoded, and what the text encoder is shown of them, where it sees pictures. */
export type References = Required<Pick<EngineJob["inputs"], "references">> & Pick<EngineJob["inputs"], "seen">;

/**
 * A request's reference pictures, each in a size of its own: those that are too large made smaller, or all brought to one area, sides cut to what the
 * network takes, as by the model's pipeline.
 *
 * @throws InvalidRequestError, ImageError naming the picture's field.
 */
export async function readReferences(
  { conditioning }: GenerationRequest,
  { references: rules, transparent = false }: Traits,
  signal: AbortSignal,
  calls: CallInputs = {},
): Promise<References | undefined> {
  if (rules === undefined) return undefined;
  const entries = conditioning.flatMap((entry, i) =>
    entry.kind === "reference" ? [{ image: entry.image, at: `conditioning[${i}]` }] : [],
  );
  if (entries.length < (rules.least ?? 0))
    throw invalidField(
      "conditioning",
      'is missing: this model edits pictures, and needs one: conditioning: [{ kind: "reference", image }]',
    );
  if (entries.length === 0) return undefined;
  if (rules.blind !== undefined) throw invalidField(entries[0]!.at, `can't be seen: ${rules.blind}`);
  if (entries.length > rules.most)
    throw invalidField(
      entries[rules.most]!.at,
      `is one too many: this model takes ${rules.most} reference pictures at most`,
    );
  const { alone, multipleOf } = rules;
  const fills = alone && entries.length === 1 ? { ...alone, multipleOf } : undefined;
  const references: Pixels[] = [];
  const seen: Pixels[] = [];
  for (const { image, at } of entries) {
    const field = `${at}.image`;
    const options = { signal, rules: calls, opaque: !transparent };
    const size = (own: Size) => (fills ? sizeToFill(own, fills) : sizeOf(own, rules, field));
    if (rules.seen === undefined) {
      const picture = await readPicture(image, field, { ...options, size });
      references.push(fills ? fillUp(picture, fills) : cutTo(picture, multipleOf));
      continue;
    }
    const own = await readPicture(image, field, options);
    const { width, height } = size(own);
    const encoded = await resizeImage(own, width, height);
    references.push(cutTo(encoded, multipleOf));
    seen.push(await seenOf(own, encoded, rules, rules.seen));
  }
  return { references, ...(rules.seen && { seen }) };
}

type Size = Pick<Pixels, "width" | "height">;

function sizeOf(
  { width, height }: Size,
  { area, fits, sizes, minSide, maxRatio = Number.POSITIVE_INFINITY }: ReferenceRules,
  field: string,
): Size {
  if (Math.min(width, height) < minSide)
    throw invalidField(field, `is ${width}×${height}; a reference picture has at least ${minSide} pixels on each side`);
  if (Math.max(width / height, height / width) > maxRatio)
    throw invalidField(field, `is ${width}×${height}; a side can be at most ${maxRatio} times the other`);
  if (sizes !== undefined) return nearestShape(width / height, sizes);
  if (fits !== undefined) return fitted(width / height, area, fits);
  if (width * height <= area) return { width, height };
  const scale = Math.sqrt(area / (width * height));
  return { width: Math.trunc(width * scale), height: Math.trunc(height * scale) };
}

function nearestShape(ratio: number, sizes: NonNullable<ReferenceRules["sizes"]>): Size {
  const off = ([w, h]: readonly [number, number]) => Math.abs(ratio - w / h);
  const [width, height] = sizes.reduce((best, each) => (off(each) < off(best) ? each : best));
  return { width, height };
}

/** A size of about an area, of the nearest multiples. */
function fitted(ratio: number, area: number, multiple: number): Size {
  const width = Math.sqrt(area * ratio);
  return { width: nearest(width, multiple), height: nearest(width / ratio, multiple) };
}

/** The nearest multiple; between two, that of an even number, as Python rounds. */
function nearest(side: number, multiple: number): number {
  const [times, floor] = [side / multiple, Math.floor(side / multiple)];
  const isHalf = times - floor === 0.5;
  return Math.max(1, isHalf ? floor + (floor % 2) : Math.round(times)) * multiple;
}

/** What a text encoder is shown: the picture on white. */
async function seenOf(own: Pixels, encoded: Pixels, { fits = 1 }: ReferenceRules, rules: SeenRules): Promise<Pixels> {
  const { area, multipleOf } = rules;
  let shown = encoded;
  if (area !== undefined) {
    const { width, height } = fitted(own.width / own.height, area, fits);
    shown = await resizeImage(own, width, height);
  }
  const [width, height] = [nearest(shown.width, multipleOf), nearest(shown.height, multipleOf)];
  return resizeImage(onWhite(shown), width, height, "bicubic");
}

/** A picture without transparency, in Pillow's arithmetic. */
function onWhite({ width, height, channels, data }: Pixels): Pixels {
  if (channels !== 4) return { width, height, channels, data };
  const opaque = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const alpha = data[4 * i + 3]!;
    for (let c = 0; c < 3; c++) {
      const sum = data[4 * i + c]! * alpha + 255 * (255 - alpha) + 128;
      opaque[3 * i + c] = ((sum >> 8) + sum) >> 8;
    }
  }
  return { width, height, channels: 3, data: opaque };
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
