import type { ConditioningKind, FeatureName, Task } from "@latentkit/core";

/** What a model can do and how large, as data: all that a request has to fit. A family reads it off a model's configs. */
export interface Traits {
  readonly tasks: readonly Task[];
  /** Request fields that are honoured, beyond those that the pipeline gives every family. */
  readonly features: readonly FeatureName[];
  readonly conditioning: readonly ConditioningKind[];
  /** Pixels to a latent's side. */
  readonly scale: number;
  /** What width and height must be multiples of. */
  readonly multipleOf: number;
  /** Smallest side in pixels. */
  readonly minSide: number;
  /** Largest side in pixels. */
  readonly maxSide: number;
  /** Width and height where the request names none: what the model was trained at. */
  readonly defaultWidth: number;
  readonly defaultHeight: number;
  readonly latentChannels: number;
  /** A token of the network is so many of a latent's squares wide and high, as a dynamic shift counts them. Default 2. */
  readonly patchSize?: number | undefined;
  /** Latents are `(z − shift) · scaling` of what the VAE works with: the scale of a latent in another program's file. */
  readonly scalingFactor: number;
  /** Default 0. */
  readonly shiftFactor?: number | undefined;
  /** How many times the input picture's sides the output's are, where the task is to upscale; of a family that works at once, at most. */
  readonly enlarges?: number | undefined;
  /** How many classes a model that was trained on some knows. */
  readonly classes?: number | undefined;
  /** Whether a picture is made at once: nothing is sampled, so that no step, seed nor guidance means anything. */
  readonly atOnce?: boolean | undefined;
  /** Steps where neither the request nor the model's own defaults name any. Default 20. */
  readonly steps?: number | undefined;
  /** Scale of guidance where neither the request nor the model's own defaults name one. */
  readonly guidanceScale: number;
  /** Whether image-to-image begins with the picture noised, or with noise alone, the picture being what steers. */
  readonly startsFromPicture: boolean;
  /** Scale of guidance by a picture where the request names none. */
  readonly imageGuidanceScale?: number | undefined;
  /** How the scale acts: over two passes; as an input of the one pass of a network that was distilled so; or not at all. */
  readonly guidance: "classifier-free" | "embedded" | "none";
  /** The scale that is no guidance: 1 (the default), or 0 where a pipeline counts what is added to the conditional output. */
  readonly unguidedScale?: 0 | 1 | undefined;
  /** Whether image-to-image encodes a picture once for all images of a job, by the first one's random numbers, as inpainting does. */
  readonly encodesPictureOnce?: boolean | undefined;
  /**
   * What an inpainting's mask is to a square of a latent: that of the square's first pixel (the default), or of its middle, between its pixels, where edges
   * are soft.
   */
  readonly maskSquares?: "first" | "middle" | undefined;
  /** Whether the network is shown a picture that a part of is painted anew as its first reference picture. Default false. */
  readonly showsInpainted?: boolean | undefined;
  /** Whether pictures have transparency, those that are given too. Default: theirs is dropped. */
  readonly transparent?: boolean | undefined;
  /** How reference pictures (`conditioning` of kind `reference`) are taken, where they are. */
  readonly references?: ReferenceRules | undefined;
  /** How many timesteps the model was distilled at, where image-to-image spreads all its steps over the first of these. */
  readonly distilledSteps?: number | undefined;
  /** Layers of the text encoder: the bound of `clipSkip`; 0 where there is none. */
  readonly textLayers: number;
  /** What each tokenizer has to keep to, by its name among the model's tokenizers. */
  readonly tokenizers: Readonly<Record<string, TokenizerLimits>>;
  /** Names of the denoising network's self-attentions, in the order in which they run: what can be perturbed. */
  readonly selfAttentions: readonly string[];
}

/** What reference pictures may be, and what is done to them. */
export interface ReferenceRules {
  /** How many there may be. */
  readonly most: number;
  /** How many there must be. Default 0. */
  readonly least?: number | undefined;
  /** Those of more pixels are made smaller, to about so many. */
  readonly area: number;
  /** Where given, all are brought to about that area, their sides to the nearest multiples of it. */
  readonly fits?: number | undefined;
  /** Where given, each picture is brought to the one of these sizes whose shape is nearest. */
  readonly sizes?: readonly (readonly [width: number, height: number])[] | undefined;
  /** Sides are cut, evenly from both ends, to multiples of it. */
  readonly multipleOf: number;
  /** Smallest side in pixels. */
  readonly minSide: number;
  /** How many times as long as the other a side may be. Default: any. */
  readonly maxRatio?: number | undefined;
  /** How a picture that is the only one is taken, where otherwise: kept whole, its sides filled up to the multiples by its reflection. */
  readonly alone?: AloneRules | undefined;
  /** Whether a picture is drawn in the first one's size where the request names none, or in the last one's. */
  readonly setsSize: boolean | "last";
  /** Why the model's own files can't take any, where they lack what others of the family have. */
  readonly blind?: string | undefined;
  /** What the text encoder is shown of each, where it sees pictures. */
  readonly seen?: SeenRules | undefined;
}

/** How a picture is brought to what a vision transformer takes. */
export interface SeenRules {
  /** About how many pixels, sides to the nearest multiples of `fits`. Default: as large as it is encoded. */
  readonly area?: number | undefined;
  /** Its sides then become the nearest multiples of it. */
  readonly multipleOf: number;
}

/** How large a picture is that is filled up. */
export interface AloneRules {
  /** Those that have more pixels when they are filled up are made smaller before. */
  readonly area: number;
  /** Largest side in pixels. */
  readonly maxSide: number;
  /** Smallest side in pixels when it is filled up. */
  readonly minSide: number;
}

/** What a text encoder takes. */
export interface TokenizerLimits {
  /** Whose tokenizer it is: CLIP's (the default), or a language model's, read as its tokenizer.json says. */
  readonly kind?: "clip" | "text" | undefined;
  /** Longest text in tokens, its begin and end tokens included. */
  readonly maxPositions: number;
  /** How many of them are none of the prompt's: 2, a beginning and an end, by default. */
  readonly reserved?: number | undefined;
  /** Whether its texts are not filled up: they have as many tokens as they take, which are no more than their bytes. Default false. */
  readonly unfilled?: boolean | undefined;
  /** Token ids are below it. */
  readonly vocabSize: number;
  /** Whether a prompt can't be longer: not where another encoder reads what this one leaves off. Default true. */
  readonly bounds?: boolean | undefined;
}

/** How many tokens of a prompt the tightest of a model's text encoders takes; undefined where there is none. */
export function promptTokens(tokenizers: Traits["tokenizers"]): number | undefined {
  const bounding = Object.values(tokenizers).filter(({ bounds = true }) => bounds);
  const limits = bounding.map(({ maxPositions, reserved = 2 }) => maxPositions - reserved);
  return limits.length === 0 ? undefined : Math.min(...limits);
}
