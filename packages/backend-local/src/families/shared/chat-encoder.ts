import { createHash } from "node:crypto";
import type { WarningEvent } from "@latentkit/core";
import { clip } from "../../files/quote.ts";
import type { ChatTemplate } from "../../prompts/chat-template.ts";
import type { Steering } from "../../prompts/steering.ts";
import type { TextTokenizer } from "../../prompts/text-tokenizer.ts";
import type { OpenModel } from "../family.ts";
import type { EncodedText } from "./encode-texts.ts";
import { inOrder, type RotaryOptions, rotaryTables } from "./rotary-tables.ts";
import type { Rows } from "./rows.ts";

/** A language model as a text encoder, by its network's and its tokenizer's name. */
export interface ChatEncoder {
  network: string;
  tokenizer: string;
  template: ChatTemplate;
  rotary: RotaryOptions;
  /** Whether texts are filled up to the tokenizer's length, and the padding's states count. */
  fillsUp?: boolean;
}

/** What an encoder makes of a job's texts: an entry for each of the steering's rows, `[1, tokens, width]`. */
export interface EncodedChats {
  states: readonly Rows[];
  warnings: readonly WarningEvent[];
}

/**
 * Encodes a job's texts, each as the one message of a chat; what does not fit is cut off with the template's end, as by diffusers. What
 * the encoder has been given before, in this job or another, is not encoded again.
 */
export async function encodeChats(
  model: OpenModel,
  { groups, rows }: Pick<Steering, "groups" | "rows">,
  encoder: ChatEncoder,
  signal: AbortSignal,
): Promise<EncodedChats> {
  const tokenizer = await model.textTokenizer(encoder.tokenizer);
  const warnings: WarningEvent[] = [];
  const encoded: EncodedText[][] = [];
  for (const { field, texts } of groups) {
    const each: EncodedText[] = [];
    for (const text of texts) {
      const { ids, cut } = tokensOf(text, encoder, tokenizer);
      if (cut !== undefined) {
        const message = `${field}: the text encoder takes ${tokenizer.length} tokens; this was left off: "${clip(cut)}"`;
        warnings.push({ type: "warning", code: "prompt_truncated", field, message });
      }
      const key = createHash("sha256").update(encoder.network).update(ids).digest("hex");
      each.push(...(await model.texts.get(key, async () => [await encodeIds(model, ids, tokenizer, encoder, signal)])));
    }
    encoded.push(each);
  }
  const states = rows.map(({ parts: [ref] }): Rows => {
    const { states: data, width } = encoded[ref!.group]![ref!.text]!;
    return { data, dims: [1, data.length / width, width] };
  });
  return { states, warnings };
}

function tokensOf(text: string, { template: { before, after } }: ChatEncoder, tokenizer: TextTokenizer) {
  const all = tokenizer.tokens(`${before}${text}${after}`);
  const ids = Int32Array.from(all.slice(0, tokenizer.length));
  if (all.length <= ids.length) return { ids };
  return { ids, cut: tokenizer.textOf(all.slice(ids.length)).replace(/\s*(assistant\s*)?$/, "") };
}

async function encodeIds(
  model: OpenModel,
  ids: Int32Array,
  tokenizer: TextTokenizer,
  { network: name, rotary, fillsUp = false }: ChatEncoder,
  signal: AbortSignal,
): Promise<EncodedText> {
  const { Tensor } = model.runtime;
  const length = fillsUp ? tokenizer.length : ids.length;
  const filled = new Int32Array(length).fill(tokenizer.pad);
  filled.set(ids);
  const attended = Uint8Array.from(filled, (_, i) => (i < ids.length ? 1 : 0));
  const { cos, sin } = rotaryTables(inOrder(length), rotary);
  const feeds = {
    input_ids: new Tensor("int32", filled, [1, length]),
    attended: new Tensor("bool", attended, [1, 1, 1, length]),
    cos: new Tensor("float32", cos.data, cos.dims),
    sin: new Tensor("float32", sin.data, sin.dims),
  };
  const network = await model.network(name);
  const { data, dims } = await network.run(feeds, "hidden_states", signal);
  return { states: (data as Float32Array).slice(), width: dims[2]!, pooled: new Float32Array(0) };
}
