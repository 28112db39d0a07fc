import { a1111Segments, breakSegment } from "./a1111-attention.ts";
import type { PromptTokenizer } from "./prompt-tokenizer.ts";
import type { Chunk } from "./segment.ts";

/** A1111's default `comma_padding_backtrack`. */
const longestTail = 20;

/**
 * A prompt in chunks as AUTOMATIC1111 makes them: as many tokens as fit between begin and end; what follows a comma near the end of a full
 * chunk moves on to the next; BREAK closes one. `undefined` where a weight is no number.
 */
export function a1111Chunks(prompt: string, tokenizer: PromptTokenizer): Chunk[] | undefined {
  const segments = a1111Segments(prompt);
  if (segments === undefined) return undefined;
  const room = tokenizer.length - 2;
  const comma = tokenizer.idOf(",</w>");
  const chunks: Chunk[] = [];
  let tokens: number[] = [];
  let weights: number[] = [];
  let lastComma = -1;
  const close = () => {
    chunks.push(framed(tokens, weights, tokenizer));
    [tokens, weights, lastComma] = [[], [], -1];
  };
  for (const { text, weight } of segments) {
    if (text === breakSegment.text && weight === breakSegment.weight) {
      close();
      continue;
    }
    const ids = tokenizer.words(text);
    for (let at = 0; at < ids.length; at++) {
      const token = ids[at]!;
      if (token === comma) lastComma = tokens.length;
      else if (tokens.length === room && lastComma !== -1 && room - lastComma <= longestTail) {
        const from = lastComma + 1;
        const [tail, tailWeights] = [tokens.splice(from), weights.splice(from)];
        close();
        [tokens, weights] = [tail, tailWeights];
      }
      if (tokens.length === room) close();
      const embedding = tokenizer.embeddingAt(ids, at);
      if (embedding === undefined) {
        tokens.push(token);
        weights.push(weight);
        continue;
      }
      // A textual inversion's vectors stay together.
      if (tokens.length + embedding.vectors.length > room) close();
      tokens.push(...embedding.vectors);
      weights.push(...embedding.vectors.map(() => weight));
      at += embedding.length - 1;
    }
  }
  if (tokens.length > 0 || chunks.length === 0) close();
  return chunks;
}

/** Filled up with end tokens; where the encoder pads with another, that stands after the first end token. */
function framed(
  tokens: readonly number[],
  weights: readonly number[],
  { length, begin, end, pad }: PromptTokenizer,
): Chunk {
  const ids = new Int32Array(length).fill(end);
  ids.set([begin, ...tokens]);
  if (pad !== end) ids.fill(pad, ids.indexOf(end) + 1);
  const all = new Float64Array(length).fill(1);
  all.set(weights, 1);
  return { ids, weights: all };
}

/** What fills up a shorter text of several that are encoded together. */
export function a1111EmptyChunk(tokenizer: PromptTokenizer): Chunk {
  return framed([], [], tokenizer);
}
