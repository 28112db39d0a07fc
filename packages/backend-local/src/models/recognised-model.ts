import type { Weights } from "../files/weights.ts";
import type { ShippedTextTokenizer } from "../prompts/shipped-text-tokenizer.ts";
import type { ShippedTokenizer } from "../prompts/shipped-tokenizer.ts";

/** One network that was found in a file: its configuration in diffusers' (or transformers') terms, and its tensors under their names. */
export interface RecognisedPart {
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: Weights;
}

/** Parts of a model by the names that the option `parts` has. */
export type PartName = "unet" | "transformer" | "vae" | "textEncoder" | "textEncoder2" | "textEncoder3" | "upscaler";

/** What a file is, as its tensors' names and shapes tell. */
export interface RecognisedModel {
  /** The class of diffusers' pipeline that would run it, as a `model_index.json` names it. */
  readonly pipeline: string;
  /** The parts that the file holds: perhaps not all that its pipeline needs. */
  readonly parts: Readonly<Partial<Record<PartName, RecognisedPart>>>;
  /** A scheduler_config.json for it, as diffusers chooses one for such a file. */
  readonly scheduler: Readonly<Record<string, unknown>>;
  /** The tokenizers that it wants, by the names that families give them: none where this package has none for it. */
  readonly tokenizers: Readonly<Record<string, ShippedTokenizer | ShippedTextTokenizer>>;
  /** Parts that it would be better with and can do without. */
  readonly optional?: readonly PartName[];
  /** How the latents of its VAE are scaled, in a VAE's config's terms. */
  readonly latents: Readonly<Record<string, unknown>>;
  /** What else a model_index.json would say. */
  readonly options: Readonly<Record<string, unknown>>;
}
