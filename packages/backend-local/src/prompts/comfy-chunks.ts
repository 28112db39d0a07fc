import { comfySegments } from "./comfy-weights.ts";
import type { PromptTokenizer } from "./prompt-tokenizer.ts";
import type { Chunk } from "./segment.ts";

/** ComfyUI's `max_word_length`: a segment of fewer tokens is never spread over two chunks. */
const longestWhole = 8;

/** A prompt in chunks, and the names of embeddings in it that are not known: ComfyUI leaves them out. */
export interface ComfyChunks {
  chunks: Chunk[];
  missing: string[];
}

/** A prompt in chunks as ComfyUI's `tokenize_with_weights` makes them. */
export function comfyChunks(prompt: string, tokenizer: PromptTokenizer): ComfyChunks {
  const room = tokenizer.length - 1;
  const missing: string[] = [];
  const batches: { ids: number[]; weights: number[] }[] = [];
  const open = () => {
    const batch = { ids: [tokenizer.begin], weights: [1] };
    batches.push(batch);
    return batch;
  };
  let batch = open();
  for (const { text, weight } of comfySegments(prompt)) {
    for (const words of stretchesOf(text, missing, tokenizer)) {
      const ids = typeof words === "string" ? tokenizer.words(words) : words;
      const isLarge = ids.length >= longestWhole;
      for (let done = 0; done < ids.length; ) {
        const left = room - batch.ids.length;
        const fits = ids.length - done <= left;
        const taken = fits || isLarge ? ids.slice(done, done + left) : [];
        batch.ids.push(...taken);
        batch.weights.push(...taken.map(() => weight));
        done += taken.length;
        if (!fits) batch = open();
      }
    }
  }
  return { chunks: batches.map((each) => framed(each, tokenizer)), missing };
}

/** The chunk that weights are counted from. */
export function comfyEmptyChunk(tokenizer: PromptTokenizer): Chunk {
  return framed({ ids: [tokenizer.begin], weights: [1] }, tokenizer);
}

function framed({ ids, weights }: { ids: number[]; weights: number[] }, { length, end, pad }: PromptTokenizer): Chunk {
  const all = new Int32Array(length).fill(pad);
  all.set([...ids, end]);
  const each = new Float64Array(length).fill(1);
  each.set(weights);
  return { ids: all, weights: each };
}

/** The words of a segment, and the vectors that `embedding:name` stands for; names that are not known go to `missing`. */
function stretchesOf(text: string, missing: string[], tokenizer: PromptTokenizer): (string | readonly number[])[] {
  const stretches = text.split(/(?<=\s)(?=embedding:)/);
  return stretches.flatMap((stretch) => {
    if (!stretch.startsWith("embedding:")) return stretch === "" ? [] : [stretch];
    const [first = "", ...rest] = stretch.slice("embedding:".length).trim().split(/\s+/);
    const whole = tokenizer.embeddingOf(first);
    if (whole) return rest.length === 0 ? [whole] : [whole, rest.join(" ")];
    const [, name = "", more = ""] = /^([^<[]*)(.*)$/.exec(first)!;
    const stripped = withoutCommas(name);
    const vectors = tokenizer.embeddingOf(stripped);
    if (vectors === undefined) missing.push(stripped);
    const left = [more, ...rest].filter(Boolean).join(" ");
    const leftover = stripped.length < name.length ? `${name.slice(stripped.length)} ${left}` : left;
    return [...(vectors ? [vectors] : []), ...(leftover === "" ? [] : [leftover])];
  });
}

/** Without the commas at both ends. An expression for it takes the square of the length where they are not at the end. */
function withoutCommas(text: string): string {
  let [from, to] = [0, text.length];
  while (text[from] === ",") from++;
  while (to > from && text[to - 1] === ",") to--;
  return text.slice(from, to);
}
