import { checkNoise, type NoiseSettings } from "./image-noise.ts";
import { offsetSeed, type Seed } from "./seed.ts";

/** Which of a request's images is asked about. */
export interface ImageOfRequest {
  /** The request's. */
  seed: Seed;
  index: number;
  /** How many images the request has. */
  count: number;
  settings?: NoiseSettings | undefined;
  /**
   * Whether the images of a batch share random numbers, as some do with diffusers: a Brownian tree of a seed of its own (a plan's
   * `treeSeed`), an inpainted picture's latent.
   */
  shares?: boolean;
}

/**
 * Seed and noise settings of one of several images, with which a request of its own makes it again: `seed + index`. A1111 counts the
 * variation seed up instead where there is one. Where images share random numbers, the image's place in its batch is among the settings.
 */
export function noiseOfImage({ seed, index, count, settings = {}, shares = false }: ImageOfRequest): {
  seed: Seed;
  settings: NoiseSettings;
} {
  const { convention, subseedStrength } = checkNoise(settings);
  if (convention === "a1111" && subseedStrength !== 0) {
    const { subseed = 0 } = settings;
    const first = typeof subseed === "string" ? BigInt(subseed) : subseed;
    return { seed, settings: { ...settings, subseed: offsetSeed(first, index) } };
  }
  const own = offsetSeed(seed, index);
  if (!shares || convention !== "diffusers") return { seed: own, settings };
  const { batch = { index: 0, size: 1 } } = settings;
  const place = count === 1 ? batch : { index: batch.index + index, size: Math.max(batch.size, batch.index + count) };
  return { seed: own, settings: { ...settings, ...(place.size > 1 ? { batch: place } : {}) } };
}
