import type { WarningEvent } from "@latentkit/core";
import { clip } from "../../files/quote.ts";
import type { PromptTokens } from "../../prompts/prompt-tokenizer.ts";
import type { OpenModel } from "../family.ts";
import type { Rows } from "./rows.ts";

/** Texts by the request's fields, in the order of their rows. */
export type Texts = Readonly<Record<string, string>>;

/** Which of an encoder's outputs are wanted, of which encoder and tokenizer of the model. */
export interface ClipRequest {
  network: string;
  tokenizer: string;
  outputs: readonly string[];
}

/** Runs a CLIP text encoder on texts; also tells what of them was cut off. */
export async function clipStates(
  model: OpenModel,
  texts: Texts,
  { network, tokenizer: name, outputs }: ClipRequest,
  signal: AbortSignal,
): Promise<{ outputs: Rows[]; warnings: WarningEvent[] }> {
  const tokenizer = await model.tokenizer(name);
  const encoded = Object.entries(texts).map(([field, text]) => ({ field, ...tokenizer.encode(text) }));
  const ids = new Int32Array(encoded.length * tokenizer.length);
  for (const [i, tokens] of encoded.entries()) ids.set(tokens.ids, i * tokenizer.length);
  const encoder = await model.network(network);
  const input = new model.runtime.Tensor("int32", ids, [encoded.length, tokenizer.length]);
  const results = await encoder.runAll({ input_ids: input }, outputs, signal);
  const warnings = encoded.flatMap((tokens) => cutWarning(tokens, tokenizer.length));
  return { outputs: results.map(({ data, dims }) => ({ data: data as Float32Array, dims })), warnings };
}

function cutWarning({ field, cut }: PromptTokens & { field: string }, length: number): WarningEvent[] {
  if (cut === undefined) return [];
  const message = `${field}: the text encoder takes ${length - 2} tokens; this was left off: "${clip(cut)}"`;
  return [{ type: "warning", code: "prompt_truncated", field, message }];
}
