import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import type { TokenizerLimits } from "../families/traits.ts";
import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";
import { largestText, readOptionalJson } from "../files/read-json.ts";
import { type BpeVocabulary, readBpeVocabulary } from "./bpe-vocabulary.ts";

/** The pre-tokens of Qwen 2 and later, as its tokenizer.json has them: contractions, words, single digits, signs, line ends, blanks. */
const qwenPieces =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** A language model's tokenizer: a text of any length to ids, by the model's own tokenizer.json. */
export class TextTokenizer {
  /** Most tokens that the text encoder is given. */
  readonly length: number;
  /** Id of the token that fills up. */
  readonly pad: number;
  readonly #tokenizer: Tokenizer;
  readonly #vocabSize: number;
  readonly #place: string;

  /** @throws {@link ModelError} naming `place`. */
  constructor(json: object, config: Readonly<Record<string, unknown>>, limits: TokenizerLimits, place: string) {
    try {
      this.#tokenizer = new Tokenizer(json, { ...config, clean_up_tokenization_spaces: false });
    } catch (cause) {
      const message = `${place}: the tokenizer cannot be read: ${(cause as Error).message}`;
      throw modelError("malformed", message, { file: place, cause });
    }
    this.length = limits.maxPositions;
    this.#vocabSize = limits.vocabSize;
    this.#place = place;
    const { pad_token: named } = config;
    const name = typeof named === "string" ? named : (named as { content?: unknown } | undefined)?.content;
    const pad = typeof name === "string" ? this.#tokenizer.token_to_id(name) : 0;
    if (pad === undefined || pad >= limits.vocabSize) {
      const message = `${place}: pad_token: ${quote(name)} is no token with an id below ${limits.vocabSize}, the text encoder's vocab_size`;
      throw modelError("malformed", message, { file: place, option: "pad_token" });
    }
    this.pad = pad;
  }

  /** Ids of a text, with what the tokenizer's own post-processor adds. @throws {@link ModelError} for a token that the encoder has no row for. */
  tokens(text: string): number[] {
    const { ids } = this.#tokenizer.encode(text);
    const without = ids.find((id: number) => !(id >= 0 && id < this.#vocabSize));
    if (without === undefined) return ids;
    const message = `${this.#place}: the token ${quote(this.#tokenizer.id_to_token(without))} has the id ${without}; the text encoder's vocab_size is ${this.#vocabSize}`;
    throw modelError("malformed", message, { file: this.#place });
  }

  /** The id of a token; undefined where there is none. */
  idOf(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token);
  }

  /** Readable text of some ids, without special tokens. */
  textOf(ids: readonly number[]): string {
    return this.#tokenizer.decode([...ids], { skip_special_tokens: true });
  }
}

/**
 * The tokenizer of a folder: its tokenizer.json, or vocab.json and merges.txt, which are Qwen's.
 *
 * @throws {@link ModelError} naming the file.
 */
export async function readTextTokenizer(folder: string, limits: TokenizerLimits): Promise<TextTokenizer> {
  const config = (await readOptionalJson(join(folder, "tokenizer_config.json"))) ?? {};
  const own = await readOptionalJson(join(folder, "tokenizer.json"), largestText);
  return new TextTokenizer(own ?? (await qwenTokenizer(folder, config, limits.vocabSize)), config, limits, folder);
}

/** What a tokenizer.json of Qwen's would hold. */
async function qwenTokenizer(folder: string, config: Record<string, unknown>, vocabSize: number): Promise<object> {
  const decoder = (config.added_tokens_decoder ?? {}) as Record<string, object>;
  const added = Object.entries(decoder).map(([id, token]) => ({ id: Number(id), ...token }));
  return qwenJson(await readBpeVocabulary(folder, vocabSize), added);
}

/** A tokenizer.json of Qwen's over a vocabulary. */
export function qwenJson(
  { ids, merges }: Pick<BpeVocabulary, "ids" | "merges">,
  added_tokens: readonly object[],
): object {
  const split = { type: "Split", pattern: { Regex: qwenPieces }, behavior: "Isolated", invert: false };
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    version: "1.0",
    added_tokens,
    normalizer: { type: "NFC" },
    pre_tokenizer: { type: "Sequence", pretokenizers: [split, bytes] },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", unk_token: null, vocab: ids, merges },
  };
}
