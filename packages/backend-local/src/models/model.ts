import type { ModelIdentity } from "@latentkit/core";
import type { Traits } from "../families/traits.ts";
import type { ShippedTextTokenizer } from "../prompts/shipped-text-tokenizer.ts";
import type { ShippedTokenizer } from "../prompts/shipped-tokenizer.ts";
import type { ModelDefaults } from "./model-defaults.ts";
import type { PartName } from "./recognised-model.ts";

/** Where a part's tensors lie: in a folder of diffusers' layout, or among others in a file. */
export type WeightsSource =
  | { readonly kind: "folder"; readonly path: string; readonly variant?: string | undefined }
  | { readonly kind: "file"; readonly path: string; readonly part: PartName }
  /** An exported graph with its weights: one folder for each of the part's networks, by their names. */
  | { readonly kind: "onnx"; readonly path: string; readonly graphs: Readonly<Record<string, string>> };

/** Where a tokenizer is: its folder, or one that comes with this package. */
export type TokenizerSource = string | { readonly shipped: ShippedTokenizer | ShippedTextTokenizer };

/** One part of a model that has weights: where they lie, and its configuration. */
export interface ModelPart {
  readonly weights: WeightsSource;
  readonly config: Readonly<Record<string, unknown>>;
  /** The file that the configuration is of, for messages. */
  readonly file: string;
}

/** What a family recognises a model by, and reads its traits off. */
export interface ModelParts {
  /** Absolute path of the folder or file. */
  readonly path: string;
  /** The pipeline class that it is saved as. */
  readonly pipeline: string;
  /** What else its model_index.json says. */
  readonly index: Readonly<Record<string, unknown>>;
  /** By the names of the family's parts, such as `unet`, `vae`, `textEncoder`. */
  readonly parts: Readonly<Record<string, ModelPart>>;
  /** The scheduler's configuration, under the class that the index names. */
  readonly scheduler: Readonly<Record<string, unknown>>;
  /** Those of the family's other schedulers, by their folders. */
  readonly schedulers?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** A model, read and checked but for its weights. Plain data: it crosses processes. */
export interface Model extends ModelParts {
  /** Id of its family. */
  readonly family: string;
  readonly identity: ModelIdentity;
  /** Its tokenizers, by name. */
  readonly tokenizers: Readonly<Record<string, TokenizerSource>>;
  readonly traits: Traits;
  /** Parts that it would be better with, and that were looked for and not found. */
  readonly lacks?: readonly string[];
  /** From its latentkit.json. */
  readonly defaults: ModelDefaults;
  /** Every file that was read or looked for, for noticing changes. */
  readonly files: readonly string[];
}

/** A part that the family cannot be without. */
export function partOf({ parts, path }: Pick<ModelParts, "parts" | "path">, name: string): ModelPart {
  const part = parts[name];
  if (part === undefined) throw new Error(`${path} has no ${name}`);
  return part;
}
