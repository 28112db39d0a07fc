import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";
import { readOptionalJson } from "../files/read-json.ts";
import type { ModelShape } from "../models/model-shape.ts";
import { clipTokenizerJson } from "./clip-tokenizer-json.ts";

/** A prompt as the text encoder takes it. */
export interface PromptTokens {
  /** Begin, the text, end, and padding up to the encoder's length. */
  ids: Int32Array;
  /** The text that no longer fitted, where there was some. */
  cut?: string;
}

/** Turns prompts into token ids of a fixed length. */
export class PromptTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #pad: number;
  readonly #frame: readonly [begin: number, end: number];
  /** Tokens of every encoded prompt, begin and end included. */
  readonly length: number;

  constructor(tokenizer: Tokenizer, length: number, frame: readonly [number, number], pad: number) {
    this.#tokenizer = tokenizer;
    this.length = length;
    this.#frame = frame;
    this.#pad = pad;
  }

  /** Ids of `prompt`, cut at the encoder's length as diffusers does. */
  encode(prompt: string): PromptTokens {
    const { ids: text } = this.#tokenizer.encode(asPublished(prompt), { add_special_tokens: false });
    const room = this.length - 2;
    const [begin, end] = this.#frame;
    const ids = new Int32Array(this.length).fill(this.#pad);
    const kept = text.slice(0, room);
    ids.set([begin, ...kept, end]);
    if (text.length <= room) return { ids };
    const cut = this.#tokenizer.decode(text.slice(room), { skip_special_tokens: true }).trim();
    return { ids, cut };
  }
}

/**
 * The tokenizer of a model folder, from `tokenizer.json`, or from `vocab.json` and `merges.txt`. `maxPositions` is the
 * text encoder's limit; the tokenizer's own may be lower. Its ids must be below the text encoder's `vocabSize`.
 *
 * @throws {@link ModelError} when a file is missing or wrong.
 */
export async function readTokenizer(
  folder: string,
  { maxPositions, vocabSize }: Pick<ModelShape, "maxPositions" | "vocabSize">,
): Promise<PromptTokenizer> {
  const settingsFile = join(folder, "tokenizer_config.json");
  const settings = (await readOptionalJson(settingsFile)) ?? {};
  const map = (await readOptionalJson(join(folder, "special_tokens_map.json"))) ?? {};
  const token = (name: string, fallback: string) => contentOf(settings[name]) ?? contentOf(map[name]) ?? fallback;
  const special = {
    bos: token("bos_token", "<|startoftext|>"),
    eos: token("eos_token", "<|endoftext|>"),
    unk: token("unk_token", "<|endoftext|>"),
  };
  const own = await readOptionalJson(join(folder, "tokenizer.json"));
  const json = own ?? (await clipTokenizerJson(folder, special));
  checkIds(json, vocabSize, join(folder, own === undefined ? "vocab.json" : "tokenizer.json"));
  const tokenizer = build(folder, json, settings);
  const id = (name: string, content: string): number => {
    const found = tokenizer.token_to_id(content);
    if (found !== undefined) return found;
    throw modelError("malformed", `${folder}: the vocabulary lacks the ${name} ${content}`, { file: folder });
  };
  const length = Math.min(maxPositions, ownLimit(settings.model_max_length, settingsFile));
  const frame = [id("bos_token", special.bos), id("eos_token", special.eos)] as const;
  return new PromptTokenizer(tokenizer, length, frame, id("pad_token", token("pad_token", special.eos)));
}

/**
 * Two corners where lower-casing in JavaScript differs from the published tokenizers: a capital sigma becomes σ also at
 * the end of a word, and a special token written in capitals is plain text (the added blank is no token).
 */
function asPublished(text: string): string {
  return text
    .replaceAll("Σ", "σ")
    .replace(/<\|(?:start|end)oftext\|>/gi, (token) => (token === token.toLowerCase() ? token : `${token} `));
}

/** The longest text that the tokenizer's settings allow; a very large number there means that there is no limit. */
function ownLimit(value: unknown, file: string): number {
  if (value === undefined || value === null) return Number.POSITIVE_INFINITY;
  if (typeof value === "number" && value >= 3) return Math.floor(value);
  const message = `${file}: model_max_length is ${quote(value)}; it must be a number of at least 3`;
  throw modelError("malformed", message, { file, option: "model_max_length" });
}

/** An id that the text encoder has no row for would end its run in the middle. */
function checkIds(json: Record<string, unknown>, vocabSize: number, file: string): void {
  const { vocab = {} } = (json.model ?? {}) as { vocab?: Record<string, unknown> };
  const added = (Array.isArray(json.added_tokens) ? json.added_tokens : []) as { content?: unknown; id?: unknown }[];
  const check = (token: unknown, id: unknown) => {
    if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabSize) return;
    const message = `${file}: the token ${quote(token)} has the id ${quote(id)}; the text encoder's vocab_size is ${vocabSize}`;
    throw modelError("malformed", message, { file });
  };
  for (const token in vocab) check(token, vocab[token]);
  for (const token of added) check(token?.content, token?.id);
}

function build(folder: string, json: Record<string, unknown>, settings: Record<string, unknown>): Tokenizer {
  try {
    // The settings' own class and clean-up switches are for decoding; ids come from the tokenizer alone.
    return new Tokenizer(json, { ...settings, clean_up_tokenization_spaces: false });
  } catch (cause) {
    const message = `${folder}: the tokenizer cannot be read: ${(cause as Error).message}`;
    throw modelError("malformed", message, { file: folder, cause });
  }
}

/** A token as tokenizer_config.json writes it: its text, or an object that has it. */
function contentOf(token: unknown): string | undefined {
  const content = typeof token === "object" && token !== null ? (token as { content?: unknown }).content : token;
  return typeof content === "string" && content !== "" ? content : undefined;
}
