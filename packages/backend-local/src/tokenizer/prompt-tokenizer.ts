import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { readOptionalJson } from "../model/read-json.ts";
import { modelError } from "../weights/model-error.ts";
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
 * text encoder's limit; the tokenizer's own may be lower.
 *
 * @throws {@link ModelError} when a file is missing or wrong.
 */
export async function readTokenizer(folder: string, maxPositions: number): Promise<PromptTokenizer> {
  const settings = (await readOptionalJson(join(folder, "tokenizer_config.json"))) ?? {};
  const map = (await readOptionalJson(join(folder, "special_tokens_map.json"))) ?? {};
  const token = (name: string, fallback: string) => contentOf(settings[name]) ?? contentOf(map[name]) ?? fallback;
  const special = {
    bos: token("bos_token", "<|startoftext|>"),
    eos: token("eos_token", "<|endoftext|>"),
    unk: token("unk_token", "<|endoftext|>"),
  };
  const json = (await readOptionalJson(join(folder, "tokenizer.json"))) ?? (await clipTokenizerJson(folder, special));
  const tokenizer = build(folder, json, settings);
  const id = (name: string, content: string): number => {
    const found = tokenizer.token_to_id(content);
    if (found !== undefined) return found;
    throw modelError("malformed", `${folder}: the vocabulary lacks the ${name} ${content}`, { file: folder });
  };
  const limit = settings.model_max_length;
  const length = Math.min(maxPositions, typeof limit === "number" && limit > 2 ? limit : maxPositions);
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
