import type { TextTokenizer } from "../../prompts/text-tokenizer.ts";
import type { OpenModel } from "../family.ts";
import { turned } from "../shared/flux2-codec.ts";
import { inOneRow, type ReferenceLatent } from "../shared/reference-latents.ts";
import { aroundMiddle, type Positions, type RotaryOptions, rotaryTables } from "../shared/rotary-tables.ts";
import type { Rows } from "../shared/rows.ts";
import { toFeeds } from "../shared/transformer-passes.ts";

/** What stands before the picture that is drawn: words, and reference pictures among them, each a square of 2×2 of its latent for what the text encoder saw. */
export interface Sequence {
  /** How many words stand before each picture, after the one before it. */
  words: readonly number[];
  pictures: readonly ReferenceLatent[];
}

/** How many of a template's tokens stand before each of its pictures, after the picture before it; the first `drops` are none of the sequence's. */
export function wordsBefore(before: string, tokenizer: TextTokenizer, drops: number): number[] {
  const mark = tokenizer.idOf("<|image_pad|>");
  const counts = [0];
  for (const id of tokenizer.tokens(before).slice(drops)) {
    if (id === mark) counts.push(0);
    else counts[counts.length - 1]!++;
  }
  return counts.slice(0, -1);
}

/** Inputs of the network that makes keys and values of a text's states and the pictures in it, and the place that comes after all. */
export function sequenceFeeds(
  { runtime }: Pick<OpenModel, "runtime">,
  text: Rows,
  { words, pictures }: Sequence,
  options: RotaryOptions,
) {
  const [, slots, width] = text.dims as [number, number, number];
  const places: Positions[] = [];
  const order: number[] = [];
  const begins = [0];
  const kept: Float32Array[] = [];
  const latents: Float32Array[] = [];
  const squares = (at: number) => pictures[at]!.dims[1] * pictures[at]!.dims[2];
  // Words first, and then the pictures, one after the other.
  const allWords = slots - pictures.reduce((sum, _, i) => sum + squares(i) / 4, 0);
  let [place, slot, word, square] = [0, 0, 0, allWords];
  const read = (count: number) => {
    places.push(Array.from({ length: count }, (_, i) => [place + i, place + i, place + i]));
    for (let i = 0; i < count; i++) order.push(word++);
    kept.push(text.data.subarray(slot * width, (slot + count) * width));
    place += count;
    slot += count;
  };
  for (const [i, { latent, dims }] of pictures.entries()) {
    const [channels, height, across] = dims;
    read(words[i]!);
    begins.push(order.length);
    places.push(aroundMiddle(height, across, place));
    for (let k = 0; k < squares(i); k++) order.push(square++);
    latents.push(turned(latent, channels, squares(i)));
    begins.push(order.length);
    place += Math.max(height, across);
    slot += squares(i) / 4;
  }
  read(slots - slot);
  const { cos, sin } = rotaryTables(places.flat(), options);
  const own = { data: inOneRow(kept), dims: [1, allWords, width] };
  if (pictures.length === 0) return { feeds: toFeeds(runtime, { text: own, cos, sin }), next: place };
  const channels = pictures[0]!.dims[0];
  const data = inOneRow(latents);
  const reference = { data, dims: [1, data.length / channels, channels] };
  const ends = BigInt64Array.from([...begins, order.length], BigInt);
  const { Tensor } = runtime;
  const feeds = {
    ...toFeeds(runtime, { text: own, reference, cos, sin }),
    order: new Tensor("int32", Int32Array.from(order), [1, order.length]),
    begins: new Tensor("int64", ends, [ends.length]),
  };
  return { feeds, next: place };
}
