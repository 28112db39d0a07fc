import type { FamilyJob, OpenModel } from "../family.ts";
import { flux2Codec, turned } from "./flux2-codec.ts";
import { encodeReferences, inOneRow } from "./reference-latents.ts";
import type { Positions } from "./rotary-tables.ts";
import type { Rows } from "./rows.ts";

/** Reference pictures as tokens `[1, tokens, channels]`, one picture after the other, and their places. */
export interface ReferenceTokens {
  tokens: Rows;
  places: Positions;
  /** Each as its latent. */
  latents: readonly Float32Array[];
}

/** A job's reference pictures as tokens; `placesOf` tells where the squares of number `i` are. */
export async function referenceTokens(
  model: OpenModel,
  job: FamilyJob,
  placesOf: (height: number, width: number, i: number) => Positions,
  signal: AbortSignal,
): Promise<ReferenceTokens> {
  const { latentChannels: channels } = model.model.traits;
  const encoded = await encodeReferences(model, flux2Codec, job, signal);
  const data = inOneRow(encoded.map(({ latent, dims: [, height, width] }) => turned(latent, channels, height * width)));
  const places = encoded.flatMap(({ dims: [, height, width] }, i) => placesOf(height, width, i));
  const tokens: Rows = { data, dims: [1, data.length / channels, channels] };
  return { tokens, places, latents: encoded.map(({ latent }) => latent) };
}
