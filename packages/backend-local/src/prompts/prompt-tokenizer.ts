import { Tokenizer } from "@huggingface/tokenizers";
import type { TokenizerLimits } from "../families/traits.ts";
import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";
import { type AddedToken, splitAtTokens } from "./added-tokens.ts";
import { type BpeVocabulary, readBpeVocabulary } from "./bpe-vocabulary.ts";
import { clipPieces, normalizeForClip } from "./clip-pieces.ts";
import type { PromptEmbedding } from "./prompt-embedding.ts";
import { readTokenizerSettings, type TokenizerSettings } from "./tokenizer-settings.ts";

/** A prompt as the text encoder takes it. */
export interface PromptTokens {
  /** Begin, the text, end, and padding up to the encoder's length. */
  ids: Int32Array;
  /** The text that no longer fitted, where there was some. */
  cut?: string;
}

/** What a tokenizer is read from. */
export interface TokenizerFiles {
  vocabulary: BpeVocabulary;
  settings: TokenizerSettings;
  limits: TokenizerLimits;
  /** For messages. */
  place: string;
}

/** Turns prompts into CLIP's token ids, as transformers' `CLIPTokenizer`. */
export class PromptTokenizer {
  /** Tokens of every encoded prompt, begin and end included. */
  readonly length: number;
  /** Ids of the tokens that begin, end and fill up a prompt. */
  readonly begin: number;
  readonly end: number;
  readonly pad: number;
  readonly #bpe: Tokenizer;
  readonly #vocabSize: number;
  readonly #added: ReadonlyMap<number, AddedToken>;
  readonly #sides: Pick<TokenizerSettings, "padsLeft" | "cutsLeft">;
  readonly #split: Splitters;
  readonly #splitWords: Splitters;
  readonly #source: TokenizerFiles;
  /** Words that stand for vectors of textual inversions. */
  readonly embeddings: readonly PromptEmbedding[];
  /** Ids of their vectors: above those that the text encoder knows, one after the other. */
  readonly #vectors: readonly (readonly number[])[];
  readonly #firstVector: number;
  /** Their words as A1111 looks for them: by the tokens that they would be. The longest first. */
  #spelled: readonly { word: readonly number[]; vectors: readonly number[] }[] | undefined;

  /** @throws {@link ModelError} naming `place`, where the vocabulary lacks a token that every prompt needs. */
  constructor(
    source: TokenizerFiles,
    {
      embeddings = [],
      firstVector,
      bpe,
    }: { embeddings?: readonly PromptEmbedding[]; firstVector?: number; bpe?: Tokenizer } = {},
  ) {
    const { vocabulary, settings, limits, place } = source;
    const { maxPositions, vocabSize } = limits;
    this.#source = source;
    this.embeddings = embeddings;
    this.#firstVector = firstVector ?? vocabSize;
    this.#vectors = idsOfVectors(embeddings, this.#firstVector);
    const { names, limit, splitsSpecial, written } = settings;
    this.length = Math.min(maxPositions, limit);
    this.#vocabSize = vocabSize;
    this.#sides = settings;
    const added = withIds(vocabulary.ids, settings.added);
    const idOf = (option: string, content = "", trained = false): number => {
      // Transformers gives a token that no file lists the next id; no text encoder was trained with such a beginning or end.
      const isThere = Object.hasOwn(vocabulary.ids, content) || (trained ? written : added.ids).has(content);
      const id = added.ids.get(content);
      if (isThere && id !== undefined && id < vocabSize) return id;
      const why =
        content === "" ? "there is none" : `${quote(content)} ${isThere ? `has the id ${id}` : "is not there"}`;
      const message = `${place}: ${option}: ${why}; the text encoder knows the ids below ${vocabSize}`;
      throw modelError("malformed", message, { file: place, option });
    };
    this.begin = idOf("bos_token", names.bos, true);
    this.end = idOf("eos_token", names.eos, true);
    this.pad = idOf("pad_token", names.pad);
    this.#bpe = bpe ?? byteLevelBpe(vocabulary, names.unk, place);
    this.#added = added.tokens;
    const found = [...added.tokens].filter(([, { special }]) => !(splitsSpecial && special));
    // As diffusers adds them. Below zero, until they become their vectors' ids.
    const words = embeddings.map(({ token }, i) => [-1 - i, wordOf(token)] as const);
    this.#split = splitters([...found, ...words]);
    const isPad = (id: number) => id === this.pad && id !== this.begin && id !== this.end;
    this.#splitWords = splitters(found.filter(([id]) => !isPad(id)));
  }

  /** The same tokenizer, with words that stand for vectors, whose ids begin with `firstVector`. */
  withEmbeddings(embeddings: readonly PromptEmbedding[], firstVector: number): PromptTokenizer {
    return embeddings.length === 0
      ? this
      : new PromptTokenizer(this.#source, { embeddings, firstVector, bpe: this.#bpe });
  }

  /** Ids of the vectors that a word stands for, as ComfyUI's `embedding:word` calls them. */
  embeddingOf(token: string): readonly number[] | undefined {
    return this.#vectors[this.embeddings.findIndex((embedding) => embedding.token === token)];
  }

  /** The textual inversion whose word stands at a place among {@link words}, as A1111 finds it; and how many tokens the word is. */
  embeddingAt(ids: readonly number[], at: number): { vectors: readonly number[]; length: number } | undefined {
    this.#spelled ??= this.embeddings
      .map(({ token }, i) => ({ word: this.words(token), vectors: this.#vectors[i]! }))
      .sort((a, b) => b.word.length - a.word.length);
    const found = this.#spelled.find(({ word }) => word.length > 0 && word.every((id, i) => ids[at + i] === id));
    return found && { vectors: found.vectors, length: found.word.length };
  }

  /** Of all textual inversions the words that none of these ids is a vector of. */
  embeddingsNotIn(chunks: readonly Int32Array[]): string[] {
    const used = new Set(chunks.flatMap((ids) => [...ids].filter((id) => id >= this.#firstVector)));
    return this.embeddings.filter((_, i) => !this.#vectors[i]!.some((id) => used.has(id))).map(({ token }) => token);
  }

  /** Ids of `prompt`, cut at the encoder's length as diffusers does. */
  encode(prompt: string): PromptTokens {
    const text = this.tokens(prompt);
    const { padsLeft, cutsLeft } = this.#sides;
    const room = this.length - 2;
    const over = Math.max(0, text.length - room);
    const kept = cutsLeft ? text.slice(over) : text.slice(0, room);
    const ids = new Int32Array(this.length).fill(this.pad);
    ids.set([this.begin, ...kept, this.end], padsLeft ? room - kept.length : 0);
    return over === 0 ? { ids } : { ids, cut: this.textOf(cutsLeft ? text.slice(0, over) : text.slice(room)) };
  }

  /** Ids of a text alone, however long. @throws {@link ModelError} for a token that the text encoder has no row for. */
  tokens(text: string): number[] {
    return this.#idsOf(text, this.#split);
  }

  /** {@link tokens} as A1111 and ComfyUI have them: a token that does nothing but pad is a word like others in a text. */
  words(text: string): number[] {
    return this.#idsOf(text, this.#splitWords);
  }

  #idsOf(text: string, { written, normalized }: Splitters): number[] {
    // A piece is encoded once, however often a text has it: a million digits are ten.
    const known = new Map<string, readonly number[]>();
    const encoded = (piece: string): readonly number[] => {
      const ids = known.get(piece) ?? this.#encodePiece(piece);
      known.set(piece, ids);
      return ids;
    };
    const ids = written(text).flatMap((part) => {
      if (typeof part === "number") return part;
      const parts = normalized(normalizeForClip(part));
      return parts.flatMap((each) => (typeof each === "number" ? each : clipPieces(each).flatMap(encoded)));
    });
    const without = ids.find((id) => id >= this.#vocabSize);
    if (without === undefined) return ids.flatMap((id) => (id < 0 ? this.#vectors[-1 - id]! : id));
    const message = `The tokenizer's token ${quote(this.#added.get(without)?.content)} has the id ${without}; the text encoder knows the ids below ${this.#vocabSize}`;
    throw modelError("malformed", message);
  }

  /** Id of a token of the vocabulary, such as `",</w>"`. */
  idOf(token: string): number | undefined {
    return this.#bpe.token_to_id(token);
  }

  /** Readable text of some ids, without special tokens. */
  textOf(ids: readonly number[]): string {
    const parts: string[] = [];
    let plain: number[] = [];
    const flush = () => {
      if (plain.length > 0) parts.push(this.#bpe.decode(plain).trim());
      plain = [];
    };
    for (const id of ids) {
      const vector = this.#vectors.findIndex((own) => own.includes(id));
      const token = vector < 0 ? this.#added.get(id) : wordOf(this.embeddings[vector]!.token);
      if (vector >= 0 && parts.at(-1) === token?.content && plain.length === 0) continue;
      if (token === undefined) plain.push(id);
      else {
        flush();
        if (!token.special) parts.push(token.content);
      }
    }
    flush();
    return parts.join(" ");
  }

  readonly #encodePiece = (piece: string): number[] => this.#bpe.encode(piece, { add_special_tokens: false }).ids;
}

interface Splitters {
  written: ReturnType<typeof splitAtTokens>;
  normalized: ReturnType<typeof splitAtTokens>;
}

function splitters(added: readonly (readonly [number, AddedToken])[]): Splitters {
  const [written, normalized] = [false, true].map((isNormalized) =>
    added.filter(([, t]) => t.normalized === isNormalized),
  );
  return {
    written: splitAtTokens(new Map(written), ({ content }) => content),
    normalized: splitAtTokens(new Map(normalized), ({ content }) => normalizeForClip(content)),
  };
}

/** The tokenizer of a model folder. `maxPositions` is the text encoder's limit; the tokenizer's own may be lower. */
export async function readTokenizer(folder: string, limits: TokenizerLimits): Promise<PromptTokenizer> {
  const vocabulary = await readBpeVocabulary(folder, limits.vocabSize);
  const settings = await readTokenizerSettings(folder, vocabulary.ownTokens);
  return new PromptTokenizer({ vocabulary, settings, limits, place: folder });
}

/** Found anywhere in a text, in capitals too, as diffusers' `add_tokens` has it. */
function wordOf(content: string): AddedToken {
  return { content, lstrip: false, rstrip: false, singleWord: false, normalized: true, special: false };
}

function idsOfVectors(embeddings: readonly PromptEmbedding[], first: number): number[][] {
  let next = first;
  return embeddings.map(({ count }) => Array.from({ length: count }, () => next++));
}

/** Added tokens by id: the vocabulary's where it has them, else the next. The last of several of one name counts. */
function withIds(vocabulary: Readonly<Record<string, number>>, added: readonly AddedToken[]) {
  const ids = new Map<string, number>();
  const tokens = new Map<number, AddedToken>();
  let next = Object.keys(vocabulary).length;
  for (const token of added) {
    if (token.content === "") continue;
    const id =
      (Object.hasOwn(vocabulary, token.content) ? vocabulary[token.content] : ids.get(token.content)) ?? next++;
    ids.set(token.content, id);
    tokens.set(id, token);
  }
  return { tokens, ids };
}

function byteLevelBpe({ ids, merges }: BpeVocabulary, unk: string | undefined, place: string): Tokenizer {
  const json = {
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", unk_token: unk ?? null, end_of_word_suffix: "</w>", vocab: ids, merges },
  };
  try {
    return new Tokenizer(json, { clean_up_tokenization_spaces: false });
  } catch (cause) {
    const message = `${place}: the tokenizer cannot be read: ${(cause as Error).message}`;
    throw modelError("malformed", message, { file: place, cause });
  }
}
