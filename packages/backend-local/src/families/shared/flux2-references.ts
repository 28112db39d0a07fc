import { fromPixels } from "../../pipeline/image-tensor.ts";
import type { FamilyJob, OpenModel } from "../family.ts";
import { flux2Codec, turned } from "./flux2-codec.ts";
import type { Positions } from "./rotary-tables.ts";
import type { Rows } from "./rows.ts";

/** Reference pictures as tokens `[1, tokens, channels]`, one picture after the other, and their places. */
export interface References {
  tokens: Rows;
  places: Positions;
}

/** Encodes a job's reference pictures; `placesOf` tells where the squares of number `i` are. */
export async function encodeReferences(
  model: OpenModel,
  { inputs: { references = [] } }: FamilyJob,
  placesOf: (height: number, width: number, i: number) => Positions,
  signal: AbortSignal,
): Promise<References> {
  const { latentChannels: channels, scale } = model.model.traits;
  const places: Positions[] = [];
  const parts: Float32Array[] = [];
  for (const [i, picture] of references.entries()) {
    const latent = await flux2Codec.encode(model, fromPixels(picture), signal);
    const [height, width] = [picture.height / scale, picture.width / scale];
    parts.push(turned(latent, channels, height * width));
    places.push(placesOf(height, width, i));
  }
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { tokens: { data, dims: [1, data.length / channels, channels] }, places: places.flat() };
}
