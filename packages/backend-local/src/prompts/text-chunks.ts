import type { PromptSyntax, WarningEvent } from "@latentkit/core";
import { clip } from "../files/quote.ts";
import { a1111Chunks, a1111EmptyChunk } from "./a1111-chunks.ts";
import { comfyChunks } from "./comfy-chunks.ts";
import type { PromptTokenizer } from "./prompt-tokenizer.ts";
import type { Chunk } from "./segment.ts";
import type { TextGroup } from "./steering.ts";

/** The chunks of each of a group's texts, all of them as many. */
export function groupChunks(
  { texts, field, weight }: TextGroup,
  syntax: PromptSyntax,
  tokenizer: PromptTokenizer,
): { chunks: Chunk[][]; warnings: WarningEvent[] } {
  const warnings: WarningEvent[] = [];
  const chunks = texts.map((text) => {
    const whole = weight === 1 || syntax === "plain" ? text : `(${text}:${weight})`;
    if (syntax === "a1111") return a1111Chunks(whole, tokenizer)!;
    if (syntax === "plain") return [plainChunk(text, weight, field, tokenizer, warnings)];
    const { chunks: found, missing } = comfyChunks(whole, tokenizer);
    for (const name of missing) {
      const message = `${field}: there is no embedding "${clip(name)}"; it is left out`;
      warnings.push({ type: "warning", code: "prompt_syntax", field, message });
    }
    return found;
  });
  const longest = Math.max(...chunks.map(({ length }) => length));
  for (const each of chunks) while (each.length < longest) each.push(a1111EmptyChunk(tokenizer));
  return { chunks, warnings };
}

/** As diffusers: one chunk, and what does not fit is left off. */
function plainChunk(
  text: string,
  weight: number,
  field: string,
  tokenizer: PromptTokenizer,
  warnings: WarningEvent[],
): Chunk {
  const { ids, cut } = tokenizer.encode(text);
  if (cut !== undefined) {
    const message = `${field}: the text encoder takes ${tokenizer.length - 2} tokens; this was left off: "${clip(cut)}"`;
    warnings.push({ type: "warning", code: "prompt_truncated", field, message });
  }
  const weights = new Float64Array(ids.length).fill(1);
  const begin = ids.indexOf(tokenizer.begin);
  weights.fill(weight, begin + 1, ids.indexOf(tokenizer.end, begin));
  return { ids, weights };
}
