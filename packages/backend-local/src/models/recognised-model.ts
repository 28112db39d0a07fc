import type { Weights } from "../files/weights.ts";

/** One network that was found in a file: its configuration in diffusers' (or transformers') terms, and its tensors under their names. */
export interface RecognisedPart {
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: Weights;
}

/** Parts of a model by the names that the option `parts` has. */
export type PartName = "unet" | "transformer" | "vae" | "textEncoder" | "textEncoder2" | "textEncoder3";

/** How a tokenizer that comes with no file is to be made: CLIP's, filling up with its end of text or with token 0 ("!"). */
export type TokenizerKind = "clip" | "clip-padded-with-0";

/** What a file is, as its tensors' names and shapes tell. */
export interface RecognisedModel {
  /** The class of diffusers' pipeline that would run it, as a `model_index.json` names it. */
  readonly pipeline: string;
  /** The parts that the file holds: perhaps not all that its pipeline needs. */
  readonly parts: Readonly<Partial<Record<PartName, RecognisedPart>>>;
  /** A scheduler_config.json for it, as diffusers chooses one for such a file. */
  readonly scheduler: Readonly<Record<string, unknown>>;
  /** The tokenizer of each text encoder. */
  readonly tokenizers: Readonly<{ textEncoder?: TokenizerKind; textEncoder2?: TokenizerKind }>;
  /** What else a model_index.json would say. */
  readonly options: Readonly<Record<string, unknown>>;
}
