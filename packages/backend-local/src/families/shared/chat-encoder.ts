import type { Tensor as Made } from "onnxruntime-node";
import { invalidField } from "../../invalid-field.ts";
import type { ChatTemplate } from "../../prompts/chat-template.ts";
import type { Steering } from "../../prompts/steering.ts";
import type { TextTokenizer } from "../../prompts/text-tokenizer.ts";
import type { NetworkChoice, OpenModel } from "../family.ts";
import { type EncodedEach, encodeEach, type TextTokens } from "./encode-each.ts";
import { inOrder, onGrid, type Positions, type RotaryOptions, rotaryTables } from "./rotary-tables.ts";
import type { Rows } from "./rows.ts";
import type { SeenPicture } from "./seen-pictures.ts";

/** A language model as a text encoder, by its network's and its tokenizer's name. */
export interface ChatEncoder {
  network: NetworkChoice;
  tokenizer: string;
  /** One for all texts, or by the request's field that a text is of. */
  template: ChatTemplate | ((field: string) => ChatTemplate);
  rotary: RotaryOptions;
  /** A text as the encoder is given it. Default: as it is. */
  written?: (text: string) => string;
  /** Most tokens of a text of that field, with the template's. Default: the tokenizer's length. */
  most?: (tokenizer: TextTokenizer, field: string) => number;
  /** How many tokens a text of so many is filled up to, where it is: the padding's states count. */
  filledTo?: (tokens: number, tokenizer: TextTokenizer) => number;
  /** The place in the text that all padding has. By default it is counted on. */
  paddingPlace?: number;
  /** How many of the first states are left out, those of the template. */
  drops?: number;
  /** Whether the template's end stands after a text that is cut off, too. */
  keepsEnd?: boolean;
  /** Pictures that it sees, where it can see any: each stands where the template has its mark. */
  sees?: { pictures: readonly SeenPicture[]; deep: number; width: number };
}

/** Stands for a picture in a template. */
const mark = "<|image_pad|>";

/** Encodes a job's texts, each as the one message of a chat; what does not fit is cut off, with the template's end unless that is kept, as by diffusers. */
export async function encodeChats(
  model: OpenModel,
  steering: Pick<Steering, "groups" | "rows">,
  encoder: ChatEncoder,
  signal: AbortSignal,
): Promise<EncodedEach> {
  const { network, tokenizer } = encoder;
  return encodeEach(model, steering, {
    network: typeof network === "string" ? network : network.network,
    tokenizer,
    tokensOf: (text, words, field) => tokensOf(text, encoder, words, field),
    beside: encoder.sees?.pictures.map(({ key }) => key).join() ?? "",
    encode: (ids, words) => encodeIds(model, ids, words, encoder, signal),
  });
}

function tokensOf(
  text: string,
  { template, keepsEnd, sees, most, written = (plain) => plain }: ChatEncoder,
  tokenizer: TextTokenizer,
  field: string,
): TextTokens {
  const { before, after } = typeof template === "function" ? template(field) : template;
  const end = keepsEnd ? tokenizer.tokens(after) : [];
  const all = tokenizer.tokens(`${before}${written(text)}${keepsEnd ? "" : after}`);
  const fitting = (most?.(tokenizer, field) ?? tokenizer.length) - end.length;
  const kept = [...all.slice(0, fitting), ...end];
  const ids = Int32Array.from(sees ? withPictures(kept, sees.pictures, tokenizer, field) : kept);
  if (all.length <= fitting) return { ids };
  return { ids, cut: tokenizer.textOf(all.slice(fitting)).replace(/\s*(assistant\s*)?$/, "") };
}

/** Tokens with as many marks for each picture as it has tokens. @throws InvalidRequestError where the text has marks of its own. */
function withPictures(
  ids: readonly number[],
  pictures: readonly SeenPicture[],
  tokenizer: TextTokenizer,
  field: string,
): number[] {
  const own = tokenizer.idOf(mark);
  let next = 0;
  const filled = ids.flatMap((id) => {
    if (id !== own) return [id];
    const { rows, columns } = pictures[next++] ?? { rows: 0, columns: 0 };
    return new Array<number>(rows * columns).fill(id);
  });
  if (next === pictures.length) return filled;
  throw invalidField(field, `has ${mark} in it, which stands for a picture and can't be written`);
}

async function encodeIds(
  model: OpenModel,
  ids: Int32Array,
  tokenizer: TextTokenizer,
  { network: name, rotary, filledTo, paddingPlace, drops = 0, sees }: ChatEncoder,
  signal: AbortSignal,
): Promise<Rows> {
  const { Tensor } = model.runtime;
  const length = filledTo?.(ids.length, tokenizer) ?? ids.length;
  const filled = new Int32Array(length).fill(tokenizer.pad);
  filled.set(ids);
  const attended = Uint8Array.from(filled, (_, i) => (i < ids.length ? 1 : 0));
  const own = sees && tokenizer.idOf(mark);
  const isPicture = Uint8Array.from(filled, (id) => (sees && id === own ? 1 : 0));
  const places = inOrder(length).map((place, i) => (i < ids.length ? place : [paddingPlace ?? i]));
  const { cos, sin } = rotaryTables(sees ? aroundPictures(isPicture, sees.pictures) : places, rotary);
  const feeds = {
    input_ids: new Tensor("int32", filled, [1, length]),
    attended: new Tensor("bool", attended, [1, 1, 1, length]),
    cos: new Tensor("float32", cos.data, cos.dims),
    sin: new Tensor("float32", sin.data, sin.dims),
    ...(sees && pictureFeeds(model, isPicture, sees)),
  };
  const network = await model.network(name);
  const { data, dims } = await network.run(feeds, "hidden_states", signal);
  const [, , width] = dims as [number, number, number];
  return { data: (data as Float32Array).slice(drops * width), dims: [1, length - drops, width] };
}

/** Places of words and pictures over time, rows and columns: a picture takes as many places of those after it as its longer side has tokens. */
function aroundPictures(isPicture: Uint8Array, pictures: readonly SeenPicture[]): Positions {
  const places: (readonly number[])[] = [];
  let [at, next] = [0, 0];
  while (places.length < isPicture.length) {
    if (isPicture[places.length] === 0) {
      places.push([at, at, at]);
      at++;
      continue;
    }
    const { rows, columns } = pictures[next++]!;
    for (const [row, column] of onGrid(rows, columns, [])) places.push([at, at + row!, at + column!]);
    at += Math.max(rows, columns);
  }
  return places;
}

function pictureFeeds(
  { runtime: { Tensor } }: OpenModel,
  isPicture: Uint8Array,
  { pictures, deep, width }: NonNullable<ChatEncoder["sees"]>,
): Record<string, Made> {
  const length = isPicture.length;
  const rows = Array.from({ length: 1 + deep }, () => new Float32Array(length * width));
  let token = isPicture.indexOf(1);
  for (const { states, rows: down, columns } of pictures) {
    for (const [i, each] of states.entries()) rows[i]!.set(each, token * width);
    token = isPicture.indexOf(1, token + down * columns);
  }
  const named = rows.map(
    (data, i) => [i === 0 ? "picture" : `picture_${i}`, new Tensor("float32", data, [1, length, width])] as const,
  );
  return { is_picture: new Tensor("bool", isPicture, [1, length, 1]), ...Object.fromEntries(named) };
}
