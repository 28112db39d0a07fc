import { join } from "node:path";
import { modelError } from "../files/model-error.ts";
import { quote } from "../files/quote.ts";
import { readJson, readOptionalJson, readText } from "../files/read-json.ts";

/** A byte-level BPE vocabulary. */
export interface BpeVocabulary {
  /** Ids by token. */
  ids: Readonly<Record<string, number>>;
  /** Pairs of tokens that become one, the first first. */
  merges: readonly (readonly [string, string])[];
  /** The `added_tokens` of a tokenizer.json. */
  ownTokens?: unknown;
}

/**
 * The vocabulary of a folder: of its tokenizer.json, else of vocab.json and merges.txt. Of a tokenizer.json only this is taken: as by
 * transformers 5, how a text is taken apart is CLIP's, whatever the file says.
 *
 * @throws {@link ModelError} when a file is missing or is not what its name says, or has ids that the text encoder lacks.
 */
export async function readBpeVocabulary(folder: string, vocabSize: number): Promise<BpeVocabulary> {
  const own = await readOptionalJson(join(folder, "tokenizer.json"));
  const file = join(folder, own === undefined ? "vocab.json" : "tokenizer.json");
  const model = own === undefined ? { vocab: await readJson(file) } : own.model;
  const { vocab, merges } = (model ?? {}) as { vocab?: unknown; merges?: unknown };
  if (typeof vocab !== "object" || vocab === null || Array.isArray(vocab) || (own && !Array.isArray(merges)))
    throw modelError("malformed", `${file} holds no byte-pair vocabulary, which its tokenizer needs`, { file });
  const ids = vocab as Record<string, number>;
  for (const token in ids) checkId(token, ids[token], vocabSize, file);
  if (own === undefined) return { ids, merges: await readMerges(join(folder, "merges.txt")) };
  const pairs = (merges as unknown[]).map((pair) => toPair(Array.isArray(pair) ? pair : String(pair).split(" "), file));
  return { ids, merges: pairs, ownTokens: own.added_tokens };
}

/** An id that the text encoder has no row for would end its run in the middle. */
function checkId(token: string, id: unknown, vocabSize: number, file: string): void {
  if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabSize) return;
  const message = `${file}: the token ${quote(token)} has the id ${quote(id)}; the text encoder's vocab_size is ${vocabSize}`;
  throw modelError("malformed", message, { file });
}

async function readMerges(file: string): Promise<[string, string][]> {
  const lines = (await readText(file)).split("\n");
  const pairs = lines.filter((line) => line.trim() !== "" && !line.startsWith("#version"));
  return pairs.map((line) => toPair(line.trimEnd().split(" "), file));
}

function toPair(parts: readonly unknown[], file: string): [string, string] {
  const [left, right, ...rest] = parts;
  if (typeof left === "string" && typeof right === "string" && left && right && rest.length === 0) return [left, right];
  throw modelError("malformed", `${file}: ${quote(parts.join(" ").slice(0, 60))} is not a pair of pieces`, { file });
}
