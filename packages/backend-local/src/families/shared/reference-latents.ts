import { fromPixels } from "../../pipeline/image-tensor.ts";
import type { Codec, FamilyJob, LatentDims, OpenModel } from "../family.ts";

/** A reference picture as its VAE's latent. */
export interface ReferenceLatent {
  latent: Float32Array;
  dims: LatentDims;
}

/** A job's reference pictures as latents, each the middle of its distribution. */
export async function encodeReferences(
  model: OpenModel,
  codec: Codec,
  { inputs: { references = [] } }: FamilyJob,
  signal: AbortSignal,
): Promise<ReferenceLatent[]> {
  const { latentChannels, scale, transparent } = model.model.traits;
  const encoded: ReferenceLatent[] = [];
  for (const picture of references) {
    const distribution = await codec.encode(model, fromPixels(picture, transparent), signal);
    const latent = codec.draw(model, distribution, (n) => new Float32Array(n));
    encoded.push({ latent, dims: [latentChannels, picture.height / scale, picture.width / scale] });
  }
  return encoded;
}

/** Rows of several arrays, one after the other. */
export function inOneRow(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
