import type { TokenizerLimits } from "../families/traits.ts";
import { modelError } from "../files/model-error.ts";
import { type PromptTokenizer, readTokenizer } from "../prompts/prompt-tokenizer.ts";
import { type ShippedTextTokenizer, shippedTextTokenizer } from "../prompts/shipped-text-tokenizer.ts";
import { shippedTokenizer } from "../prompts/shipped-tokenizer.ts";
import { readTextTokenizer, type TextTokenizer } from "../prompts/text-tokenizer.ts";
import type { TokenizerSource } from "./model.ts";

/** A model's tokenizer, of whichever kind. */
export type AnyTokenizer = PromptTokenizer | TextTokenizer;

/** Tokens of CLIP's vocabulary. */
const clipTokens = 49_408;
/** Ids of the others end there. */
const textTokens: Readonly<Record<ShippedTextTokenizer, number>> = { t5: 32_100, qwen: 151_669 };

/** A model's tokenizer. @throws ModelError where its files are wrong, or where CLIP's is not what its text encoder was made for. */
export async function openTokenizer(source: TokenizerSource, limits: TokenizerLimits): Promise<AnyTokenizer> {
  if (typeof source === "string")
    return limits.kind === "text" ? readTextTokenizer(source, limits) : readTokenizer(source, limits);
  const { shipped } = source;
  if (shipped === "t5" || shipped === "qwen") {
    if (limits.vocabSize >= textTokens[shipped]) return shippedTextTokenizer(shipped, limits);
    const message = `The text encoder knows ${limits.vocabSize} tokens: it was not made for the ${shipped} tokenizer, of ${textTokens[shipped]}, which is the one that a file without a tokenizer can have; a folder in the diffusers layout brings its own`;
    throw modelError("unsupported", message);
  }
  if (limits.vocabSize >= clipTokens && limits.maxPositions >= 77) return shippedTokenizer(shipped);
  const message = `The text encoder knows ${limits.vocabSize} tokens at ${limits.maxPositions} positions: it was not made for CLIP's tokenizer, of ${clipTokens} at 77, which is the one that a file without a tokenizer can have`;
  throw modelError("unsupported", message);
}
