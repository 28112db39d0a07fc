import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";
import type { Weights } from "../files/weights.ts";

/** What city96's tools call the models of a pipeline in the files that they write: the first that fits. They have no name of their own for some. */
const written: readonly (readonly [pipeline: RegExp, architecture: string])[] = [
  [/^StableDiffusionXL/, "sdxl"],
  [/^StableDiffusion3/, "sd3"],
  [/^(StableDiffusion|LatentConsistency)/, "sd1"],
  [/^(Flux|Chroma)/, "flux"],
  [/^(ZImage|Lumina)/, "lumina2"],
  [/^QwenImage/, "qwen_image"],
  [/^Krea2/, "krea2"],
  [/^PixArt/, "pixart"],
  [/^AuraFlow/, "aura"],
  [/^Sana/, "sana"],
];

/** What a GGUF file of a pipeline's network is to say that it is. */
export function architectureOfPipeline(pipeline: string): string | undefined {
  return written.find(([pattern]) => pattern.test(pipeline))?.[1];
}

/** The pipelines of what city96's and stable-diffusion.cpp's tools call an architecture. */
const architectures: Readonly<Record<string, RegExp>> = {
  sd1: /^StableDiffusion(?!XL|3)/,
  sd2: /^StableDiffusion(?!XL|3)/,
  sdxl: /^StableDiffusionXL/,
  sd3: /^StableDiffusion3/,
  // What has FLUX.1's blocks goes by its name: FLUX.2, FLUX.3 and Chroma, too.
  flux: /^(Flux|Chroma)/,
  chroma: /^Chroma/,
  pixart: /^PixArt/,
  aura: /^AuraFlow/,
  sana: /^Sana/,
  flux2: /^Flux2/,
  lumina2: /^(ZImage|Lumina)/,
  qwen_image: /^QwenImage/,
  qwen_image21: /^QwenImage21/,
  krea2: /^Krea2/,
  flux3: /^Flux3/,
};
/** Others that such tools know: none of a model's that is known here. */
const others = /^(hidream|cosmos|ltxv|hyvid|wan|t5|t5encoder|llama|qwen\w*|clip)$/;

/**
 * Holds what a GGUF file says of itself against what its tensors are. Many say nothing, or a word of their own.
 *
 * @throws {@link ModelError} where the two differ: one of them is wrong.
 */
export function requireStatedArchitecture({ metadata, source: file }: Weights, pipeline: string): void {
  const stated = metadata?.["general.architecture"];
  if (stated === undefined || architectures[stated]?.test(pipeline)) return;
  if (architectures[stated] === undefined && !others.test(stated)) return;
  const message = `${file}: its metadata says that it is ${quote(stated)}, its tensors are those of a ${pipeline}`;
  throw modelError("malformed", message, { file, option: "general.architecture" });
}
