import type { ChatTemplate } from "../../prompts/chat-template.ts";
import type { Steering } from "../../prompts/steering.ts";
import type { TextTokenizer } from "../../prompts/text-tokenizer.ts";
import type { OpenModel } from "../family.ts";
import { type EncodedEach, encodeEach, type TextTokens } from "./encode-each.ts";
import { inOrder, type RotaryOptions, rotaryTables } from "./rotary-tables.ts";
import type { Rows } from "./rows.ts";

/** A language model as a text encoder, by its network's and its tokenizer's name. */
export interface ChatEncoder {
  network: string;
  tokenizer: string;
  /** One for all texts, or by the request's field that a text is of. */
  template: ChatTemplate | ((field: string) => ChatTemplate);
  rotary: RotaryOptions;
  /** How many tokens a text of so many is filled up to, where it is: the padding's states count. */
  filledTo?: (tokens: number, tokenizer: TextTokenizer) => number;
  /** The place in the text that all padding has. By default it is counted on. */
  paddingPlace?: number;
  /** How many of the first states are left out, those of the template. */
  drops?: number;
  /** Whether the template's end stands after a text that is cut off, too. */
  keepsEnd?: boolean;
}

/** Encodes a job's texts, each as the one message of a chat; what does not fit is cut off, with the template's end unless that is kept, as by diffusers. */
export async function encodeChats(
  model: OpenModel,
  steering: Pick<Steering, "groups" | "rows">,
  encoder: ChatEncoder,
  signal: AbortSignal,
): Promise<EncodedEach> {
  const { network, tokenizer } = encoder;
  return encodeEach(model, steering, {
    network,
    tokenizer,
    tokensOf: (text, words, field) => tokensOf(text, encoder, words, field),
    encode: (ids, words) => encodeIds(model, ids, words, encoder, signal),
  });
}

function tokensOf(
  text: string,
  { template, keepsEnd }: ChatEncoder,
  tokenizer: TextTokenizer,
  field: string,
): TextTokens {
  const { before, after } = typeof template === "function" ? template(field) : template;
  const end = keepsEnd ? tokenizer.tokens(after) : [];
  const all = tokenizer.tokens(`${before}${text}${keepsEnd ? "" : after}`);
  const fitting = tokenizer.length - end.length;
  const ids = Int32Array.from([...all.slice(0, fitting), ...end]);
  if (all.length <= fitting) return { ids };
  return { ids, cut: tokenizer.textOf(all.slice(fitting)).replace(/\s*(assistant\s*)?$/, "") };
}

async function encodeIds(
  model: OpenModel,
  ids: Int32Array,
  tokenizer: TextTokenizer,
  { network: name, rotary, filledTo, paddingPlace, drops = 0 }: ChatEncoder,
  signal: AbortSignal,
): Promise<Rows> {
  const { Tensor } = model.runtime;
  const length = filledTo?.(ids.length, tokenizer) ?? ids.length;
  const filled = new Int32Array(length).fill(tokenizer.pad);
  filled.set(ids);
  const attended = Uint8Array.from(filled, (_, i) => (i < ids.length ? 1 : 0));
  const places = inOrder(length).map((place, i) => (i < ids.length ? place : [paddingPlace ?? i]));
  const { cos, sin } = rotaryTables(places, rotary);
  const feeds = {
    input_ids: new Tensor("int32", filled, [1, length]),
    attended: new Tensor("bool", attended, [1, 1, 1, length]),
    cos: new Tensor("float32", cos.data, cos.dims),
    sin: new Tensor("float32", sin.data, sin.dims),
  };
  const network = await model.network(name);
  const { data, dims } = await network.run(feeds, "hidden_states", signal);
  const [, , width] = dims as [number, number, number];
  return { data: (data as Float32Array).slice(drops * width), dims: [1, length - drops, width] };
}
