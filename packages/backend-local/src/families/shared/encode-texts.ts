import { createHash } from "node:crypto";
import { InvalidRequestError, type PromptSyntax, type WarningEvent } from "@latentkit/core";
import { quote } from "../../files/quote.ts";
import { comfyEmptyChunk } from "../../prompts/comfy-chunks.ts";
import { moveFromEmpty, multiplyAndRestoreMean } from "../../prompts/emphasis.ts";
import type { PromptTokenizer } from "../../prompts/prompt-tokenizer.ts";
import type { Chunk } from "../../prompts/segment.ts";
import type { Steering, TextGroup, TextRef } from "../../prompts/steering.ts";
import { groupChunks } from "../../prompts/text-chunks.ts";
import type { OpenModel } from "../family.ts";
import type { Rows } from "./rows.ts";

/** One of a model's CLIP text encoders, by its network's and its tokenizer's name. */
export interface ClipEncoder {
  network: string;
  tokenizer: string;
  /** The output with a text's states: `[batch, tokens, width]`. */
  states(negative: boolean): string;
  /** The output with a text as a whole, where it is wanted: `[batch, width]`. */
  pooled?: string;
}

/** What an encoder makes of a job's texts, an entry for each of its rows: `[1, tokens, width]` and `[1, width]`. */
export interface EncodedRows {
  states: readonly Rows[];
  pooled: readonly Rows[];
  warnings: readonly WarningEvent[];
}

/** A text's states, those of its chunks one after the other, and its first chunk as a whole. */
export interface EncodedText {
  states: Float32Array;
  width: number;
  pooled: Float32Array;
}

/** Encodes a job's texts. What the encoder has been given before, in this job or another, is not encoded again. */
export async function encodeTexts(
  model: OpenModel,
  { groups, rows, syntax }: Steering,
  encoder: ClipEncoder,
  signal: AbortSignal,
): Promise<EncodedRows> {
  const tokenizer = await model.tokenizer(encoder.tokenizer);
  const warnings: WarningEvent[] = [];
  const encoded: Int32Array[] = [];
  const taken = groups.map((group) => {
    const { chunks, warnings: more } = groupChunks(group, syntax, tokenizer);
    warnings.push(...more);
    for (const { ids } of chunks.flat()) encoded.push(ids);
    if (encoded.length > maxChunks) throw tooMuch(group.field, tokenizer);
    return { group, chunks };
  });
  const texts: EncodedText[][] = [];
  for (const { group, chunks } of taken) {
    const key = keyOf(chunks, group, syntax, encoder, tokenizer);
    const make = () => encodeGroup(model, { chunks, group, syntax, tokenizer, encoder }, signal);
    texts.push(await model.texts.get(key, make));
  }
  warnings.push(...unusedEmbeddings(tokenizer, encoded));
  const joined = (refs: readonly TextRef[]) => refs.map(({ group, text }) => texts[group]![text]!);
  const lengthOf = (refs: readonly TextRef[]) =>
    joined(refs).reduce((sum, { states, width }) => sum + states.length / width, 0);
  return {
    states: rows.map(({ parts, beside }) => {
      const { width } = joined(parts)[0]!;
      const length = Math.max(lengthOf(parts), ...beside.map(lengthOf));
      return { data: sideBySide(joined(parts), length * width), dims: [1, length, width] };
    }),
    pooled: rows.map(({ parts }) => {
      const { pooled } = joined(parts)[0]!;
      return { data: pooled, dims: [1, pooled.length] };
    }),
    warnings,
  };
}

/** Of all texts of a job together, as the encoder takes them: their states are held, half a gigabyte of Stable Diffusion's. */
const maxChunks = 2048;

function tooMuch(field: string, { length }: PromptTokenizer): InvalidRequestError {
  const message = `the texts up to this one come to more than ${maxChunks} runs of the text encoder, of ${length - 2} tokens each: use fewer or shorter ones`;
  return new InvalidRequestError([{ field, message }], { backend: "local" });
}

/** One hash of all that the encoder is given, and of what is done with its output. */
function keyOf(
  chunks: readonly Chunk[][],
  { negative, counts }: TextGroup,
  syntax: PromptSyntax,
  encoder: ClipEncoder,
  { embeddings }: PromptTokenizer,
) {
  const hash = createHash("sha256");
  const ways = [
    encoder.network,
    encoder.states(negative),
    encoder.pooled,
    syntax,
    counts,
    chunks.map((c) => c.length),
    embeddings.map(({ stamp, count }) => [stamp, count]),
  ];
  hash.update(JSON.stringify(ways));
  for (const { ids, weights } of chunks.flat()) hash.update(ids).update(weights);
  return hash.digest("hex");
}

/** Textual inversions that were named and that no text calls. */
function unusedEmbeddings(tokenizer: PromptTokenizer, encoded: readonly Int32Array[]): WarningEvent[] {
  return tokenizer.embeddingsNotIn(encoded).map((token): WarningEvent => {
    const message = `embeddings: no prompt has ${quote(token)}, so its textual inversion has no effect`;
    return { type: "warning", code: "embedding_unused", field: "embeddings", message };
  });
}

interface GroupToEncode {
  chunks: Chunk[][];
  group: TextGroup;
  syntax: PromptSyntax;
  tokenizer: PromptTokenizer;
  encoder: ClipEncoder;
}

/** A group by itself, whatever else there is to encode: so its numbers are the same, to the last bit, when they are made again. */
async function encodeGroup(
  model: OpenModel,
  { chunks, group, syntax, tokenizer, encoder }: GroupToEncode,
  signal: AbortSignal,
): Promise<EncodedText[]> {
  const all = chunks.flat();
  const weighs = all.some(({ weights }) => weights.some((weight) => weight !== 1));
  const fromEmpty = weighs && syntax !== "a1111";
  const given = fromEmpty ? [...all, comfyEmptyChunk(tokenizer)] : all;
  const ids = new Int32Array(given.length * tokenizer.length);
  for (const [i, chunk] of given.entries()) ids.set(chunk.ids, i * tokenizer.length);
  const network = await model.network(encoder.network);
  const input = new model.runtime.Tensor("int32", ids, [given.length, tokenizer.length]);
  const outputs = [encoder.states(group.negative), ...(encoder.pooled === undefined ? [] : [encoder.pooled])];
  const [states, pooled] = await network.runAll({ input_ids: input }, outputs, signal);
  const width = states!.dims[2]!;
  const perChunk = tokenizer.length * width;
  const rows = given.map((_, i) => (states!.data as Float32Array).subarray(i * perChunk, (i + 1) * perChunk));
  if (fromEmpty) for (const [i, { weights }] of all.entries()) moveFromEmpty(rows[i]!, rows.at(-1)!, weights);
  if (weighs && syntax === "a1111") restoreMeans(chunks, rows, group.counts);
  const pooledOf = (chunk: number) => {
    const size = pooled === undefined ? 0 : pooled.dims[1]!;
    return pooled === undefined
      ? new Float32Array(0)
      : (pooled.data as Float32Array).slice(chunk * size, (chunk + 1) * size);
  };
  let first = 0;
  return chunks.map(({ length }) => {
    const from = first;
    first += length;
    const own = new Float32Array(length * perChunk);
    for (let i = 0; i < length; i++) own.set(rows[from + i]!, i * perChunk);
    return { states: own, width, pooled: pooledOf(from) };
  });
}

/** A1111 weighs the first chunks of all texts together, then the second ones, and so on. */
function restoreMeans(chunks: readonly Chunk[][], rows: readonly Float32Array[], counts: readonly number[]): void {
  const perText = chunks[0]!.length;
  for (let place = 0; place < perText; place++) {
    const each = chunks.map((own, text) => ({
      states: rows[text * perText + place]!,
      weights: own[place]!.weights,
      count: counts[text]!,
    }));
    multiplyAndRestoreMean(each);
  }
}

/** States one after the other, the last token's repeated up to `size` numbers. */
function sideBySide(texts: readonly EncodedText[], size: number): Float32Array {
  const data = new Float32Array(size);
  let at = 0;
  for (const { states } of texts) {
    data.set(states, at);
    at += states.length;
  }
  const { width } = texts[0]!;
  for (; at < size; at += width) data.copyWithin(at, at - width, at);
  return data;
}
