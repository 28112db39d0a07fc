import type { WarningEvent } from "@latentkit/core";
import type { LoadedModel } from "../engine/loaded-model.ts";
import { clip } from "../files/quote.ts";
import type { PromptTokens } from "../prompts/prompt-tokenizer.ts";

/** What the UNet attends to. */
export interface TextStates {
  /** `[batch, tokens, width]`: the unconditional text's first, where there is one. */
  data: Float32Array;
  dims: readonly number[];
}

/** What of a request the text encoder needs. */
export interface PromptRequest {
  prompt: string;
  /** Left out where guidance is off. */
  negativePrompt?: string | undefined;
  /** Layers left off at the end, 1 for none. */
  clipSkip: number;
}

/** Encodes the prompt, after its negative where there is one; also tells what of the texts was cut off. */
export async function encodePrompt(
  model: LoadedModel,
  { prompt, negativePrompt, clipSkip }: PromptRequest,
  signal: AbortSignal,
): Promise<{ states: TextStates; warnings: WarningEvent[] }> {
  const tokenizer = await model.tokenizer();
  const texts = negativePrompt === undefined ? { prompt } : { negativePrompt, prompt };
  const encoded = Object.entries(texts).map(([field, text]) => ({ field, ...tokenizer.encode(text) }));
  const ids = new Int32Array(encoded.length * tokenizer.length);
  for (const [i, tokens] of encoded.entries()) ids.set(tokens.ids, i * tokenizer.length);
  const network = await model.network("textEncoder");
  const input = new model.runtime.Tensor("int32", ids, [encoded.length, tokenizer.length]);
  const output = clipSkip > 1 ? `clip_skip.${clipSkip - 1}` : "last_hidden_state";
  const { data, dims } = await network.run({ input_ids: input }, output, signal);
  const warnings = encoded.flatMap((tokens) => cutWarning(tokens, tokenizer.length));
  return { states: { data: data as Float32Array, dims }, warnings };
}

function cutWarning({ field, cut }: PromptTokens & { field: string }, length: number): WarningEvent[] {
  if (cut === undefined) return [];
  const message = `${field}: the text encoder takes ${length - 2} tokens; this was left off: "${clip(cut)}"`;
  return [{ type: "warning", code: "prompt_truncated", field, message }];
}
