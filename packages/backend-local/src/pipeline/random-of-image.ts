import type { GenerationRequest } from "@latentkit/core";
import {
  type ImageNoise,
  imageNoise,
  type NoiseConvention,
  noiseOfImage,
  offsetSeed,
  type Seed,
} from "@latentkit/core/diffusion";
import type { LatentDims } from "../families/family.ts";
import type { Settings } from "./settings.ts";
import type { Source } from "./start.ts";

type RequestNoise = NonNullable<GenerationRequest["noise"]>;

/** The random numbers of one of a job's images. */
export interface RandomOfImage {
  convention: NoiseConvention;
  noise: ImageNoise;
  /** Those that the picture's own latent is drawn from, where they are another image's. */
  firstNoise?: ImageNoise | undefined;
  /** The seed that makes this image alone. */
  seed: number | string;
  /** What else a request for this image alone needs. */
  resolved?: Partial<GenerationRequest> | undefined;
}

/** The random numbers of image `index`, and the request's settings that give them to it alone. */
export function randomOf(index: number, dims: LatentDims, settings: Settings, source: Source): RandomOfImage {
  const { convention = "diffusers" } = settings.noise;
  // diffusers' inpainting, and some of its image-to-image, encodes the picture once for all images of a batch.
  const isShared = source.mask !== undefined || (source.picture !== undefined && source.encodedOnce === true);
  const sharesPicture = isShared && convention === "diffusers";
  const shares = sharesPicture || settings.plan.treeSeed !== undefined;
  const { seed, count, noise: given } = settings;
  const own = noiseOfImage({ seed, index, count, settings: given, shares });
  const place = own.settings.batch?.index ?? 0;
  const isFirst = !sharesPicture || place === 0;
  return {
    convention,
    noise: imageNoise(own.seed, dims, own.settings),
    firstNoise: isFirst ? undefined : imageNoise(offsetSeed(own.seed, -place), dims, given),
    seed: toPlain(own.seed),
    resolved: own.settings === given ? undefined : { noise: recorded(settings, own.settings) },
  };
}

/** The seed that image `index` is told by. */
export function seedOf(index: number, { seed, count, noise }: Settings): number | string {
  return toPlain(noiseOfImage({ seed, index, count, settings: noise }).seed);
}

function recorded({ requestNoise }: Settings, { subseed, batch }: Settings["noise"]): RequestNoise {
  const defaults = { source: "torch-cpu", convention: "diffusers", subseedStrength: 0, ensd: 0 } as const;
  return {
    ...defaults,
    ...requestNoise,
    ...(subseed === undefined ? {} : { subseed: toPlain(subseed) }),
    ...(batch ? { batch } : {}),
  };
}

function toPlain(seed: Seed | string): number | string {
  return typeof seed === "bigint" ? seed.toString() : seed;
}
