import { join } from "node:path";
import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";
import { readOptionalJson } from "../files/read-json.ts";
import type { AddedToken } from "./added-tokens.ts";

/** Names of a tokenizer's own tokens; `undefined` where the files say that there is none. */
export interface NamedTokens {
  bos: string | undefined;
  eos: string | undefined;
  unk: string | undefined;
  pad: string | undefined;
}

/** What the files beside a vocabulary say, as transformers 5 reads them. */
export interface TokenizerSettings {
  names: NamedTokens;
  /** In the order in which they are added: those that the vocabulary lacks get the ids after it, whatever a file says. */
  added: readonly AddedToken[];
  /** Those of them that a file lists as added. */
  written: ReadonlySet<string>;
  /** The longest text, begin and end included; infinite where the files name no limit. */
  limit: number;
  /** Which side is filled up, and which is cut. */
  padsLeft: boolean;
  cutsLeft: boolean;
  /** Whether special tokens in a text are plain text. */
  splitsSpecial: boolean;
}

type Token = string | AddedToken;

const order = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
const defaults: Record<string, Token | null> = {
  bos_token: "<|startoftext|>",
  eos_token: "<|endoftext|>",
  unk_token: "<|endoftext|>",
  pad_token: "<|endoftext|>",
};

/**
 * Reads `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` as transformers 5.24's `CLIPTokenizer` does: where the
 * config has `added_tokens_decoder` the other two files count for nothing; else the map's names take the place of the config's.
 * `ownTokens` are those of a tokenizer.json.
 *
 * @throws {@link ModelError} naming the file and the option.
 */
export async function readTokenizerSettings(folder: string, ownTokens: unknown): Promise<TokenizerSettings> {
  const file = join(folder, "tokenizer_config.json");
  const config = (await readOptionalJson(file)) ?? {};
  const decoder = config.added_tokens_decoder;
  const isComplete = typeof decoder === "object" && decoder !== null;
  const map = isComplete ? {} : ((await readOptionalJson(join(folder, "special_tokens_map.json"))) ?? {});
  const extra = isComplete ? {} : ((await readOptionalJson(join(folder, "added_tokens.json"))) ?? {});

  const isNamed = (key: string) => order.includes(key) || key.endsWith("_token");
  const given = { ...pick(config, isNamed, false), ...pick(map, isNamed, true) };
  const special = [
    ...listOf(config.extra_special_tokens ?? config.additional_special_tokens),
    ...listOf(map.extra_special_tokens),
  ];
  const byId = new Map<number, AddedToken>();
  for (const [content, id] of Object.entries(extra)) {
    const isSpecial = [...Object.values(given), ...special].some(
      (token) => token !== null && textOf(token) === content,
    );
    byId.set(Number(id), { ...plainToken(content, isSpecial), normalized: !isSpecial });
  }
  const written = isComplete ? Object.entries(decoder) : listOfObjects(ownTokens).map((each) => [each.id, each]);
  for (const [id, token] of written as [string, Record<string, unknown>][]) {
    const read = toToken(token, false);
    if (read === undefined || typeof read === "string") throw malformed(file, "added_tokens_decoder", token);
    byId.set(Number(id), read);
  }
  const named = { ...defaults, ...given };
  const known = new Map([...byId.values()].map((token) => [token.content, token]));
  for (const [key, token] of Object.entries(given)) if (token !== null) named[key] = known.get(textOf(token)) ?? token;

  const nameOf = (key: string) => (named[key] == null ? undefined : textOf(named[key]));
  return {
    names: { bos: nameOf("bos_token"), eos: nameOf("eos_token"), unk: nameOf("unk_token"), pad: nameOf("pad_token") },
    // The map's list of the older name is looked at last, and only where there is no other.
    added: inOrder(byId, named, special.length > 0 ? special : listOf(map.additional_special_tokens)),
    written: new Set(known.keys()),
    limit: limitOf(config.model_max_length ?? config.max_len, file),
    padsLeft: sideOf(config, "padding_side", file) === "left",
    cutsLeft: sideOf(config, "truncation_side", file) === "left",
    splitsSpecial: config.split_special_tokens === true,
  };
}

/** Added tokens by id, then what is named and is none of them; what is named is special. */
function inOrder(byId: Map<number, AddedToken>, named: Record<string, Token | null>, special: Token[]): AddedToken[] {
  const first = [...byId].sort(([a], [b]) => a - b).map(([, token]) => token);
  const there = new Set(first.map(({ content }) => content));
  const keys = [...order, ...Object.keys(named).filter((key) => !order.includes(key))];
  const rest = [...keys.map((key) => named[key] ?? null), ...special].filter((token) => token !== null);
  const names = new Set(keys.flatMap((key) => (named[key] == null ? [] : textOf(named[key]))));
  const all = [...first, ...rest.filter((token) => !there.has(textOf(token)))];
  return all.map((token) => {
    if (typeof token === "string") return plainToken(token, true);
    return names.has(token.content) ? { ...token, special: true } : token;
  });
}

function plainToken(content: string, special: boolean): AddedToken {
  return { content, lstrip: false, rstrip: false, singleWord: false, normalized: !special, special };
}

/** The tokens of some keys; what the map has as an object is special. */
function pick(from: Record<string, unknown>, isKey: (key: string) => boolean, special: boolean) {
  const found: Record<string, Token | null> = {};
  for (const [key, value] of Object.entries(from)) {
    if (!isKey(key)) continue;
    const token = value === null ? null : toToken(value, special);
    if (token !== undefined) found[key] = token;
  }
  return found;
}

/** A token as a file has it: its text, or an object with its text and its ways. */
function toToken(value: unknown, special: boolean): Token | undefined {
  if (typeof value === "string") return value;
  const { content, lstrip, rstrip, single_word, normalized, special: own } = (value ?? {}) as Record<string, unknown>;
  if (typeof content !== "string") return undefined;
  const isSpecial = special || own === true;
  return {
    content,
    lstrip: lstrip === true,
    rstrip: rstrip === true,
    singleWord: single_word === true,
    normalized: typeof normalized === "boolean" ? normalized : !isSpecial,
    special: isSpecial,
  };
}

function textOf(token: Token): string {
  return typeof token === "string" ? token : token.content;
}

function listOf(value: unknown): Token[] {
  return Array.isArray(value) ? value.map((each) => toToken(each, true)).filter((token) => token !== undefined) : [];
}

function listOfObjects(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value : [];
}

/** A very large number there means that there is no limit. */
function limitOf(value: unknown, file: string): number {
  if (value === undefined || value === null) return Number.POSITIVE_INFINITY;
  if (typeof value === "number" && value >= 3) return Math.floor(value);
  const message = `${file}: model_max_length is ${quote(value)}; it must be a number of at least 3`;
  throw modelError("malformed", message, { file, option: "model_max_length" });
}

function sideOf(config: Record<string, unknown>, option: string, file: string): "left" | "right" {
  const value = config[option] ?? "right";
  if (value === "left" || value === "right") return value;
  throw malformed(file, option, value);
}

function malformed(file: string, option: string, value: unknown) {
  return modelError("malformed", `${file}: ${option} cannot be ${quote(value)}`, { file, option });
}
