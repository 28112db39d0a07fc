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

/** What llama.cpp calls the text encoders of a class, and others of its names that files may say. */
const textArchitectures: Readonly<Record<string, RegExp>> = {
  T5EncoderModel: /^t5(encoder)?$/,
  Qwen3Model: /^qwen3$/,
  Qwen3VLModel: /^qwen3vl$/,
  Qwen2_5_VLForConditionalGeneration: /^qwen2(\.?5)?vl$/,
  UMT5EncoderModel: /^(um)?t5(encoder)?$/,
};
const languageModels = /^(um)?t5(encoder)?$|^(qwen|llama|gemma|mistral|phi|clip|bert)/;

/** The same of a text encoder's file: Qwen 2.5 for texts alone has the tensors of the one that sees. @throws {@link ModelError} */
export function requireStatedText(
  { metadata, source: file }: Weights,
  config: Readonly<Record<string, unknown>>,
): void {
  const stated = metadata?.["general.architecture"];
  const [own] = Array.isArray(config.architectures) ? (config.architectures as string[]) : [];
  const known = own === undefined ? undefined : textArchitectures[own];
  if (stated === undefined || known === undefined || known.test(stated)) return;
  if (!languageModels.test(stated) && architectures[stated] === undefined && !others.test(stated)) return;
  const message = `${file}: its metadata says that it is ${quote(stated)}, its tensors are those of a ${own}`;
  throw modelError("malformed", message, { file, option: "general.architecture" });
}

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
