import { createHash } from "node:crypto";
import type { WarningEvent } from "@latentkit/core";
import { clip } from "../../files/quote.ts";
import type { Steering } from "../../prompts/steering.ts";
import type { TextTokenizer } from "../../prompts/text-tokenizer.ts";
import type { OpenModel } from "../family.ts";
import type { EncodedText } from "./encode-texts.ts";
import type { Rows } from "./rows.ts";

/** A text encoder that takes a text as a whole, without signs in it that weigh or schedule. */
export interface WholeTextEncoder {
  network: string;
  tokenizer: string;
  /** `field` is the request's that the text is of. */
  tokensOf(text: string, tokenizer: TextTokenizer, field: string): TextTokens;
  /** What its states depend on beside the tokens. */
  beside?: string;
  /** Its states, `[1, tokens, width]`. */
  encode(ids: Int32Array, tokenizer: TextTokenizer): Promise<Rows>;
}

/** A text's tokens, and the text that no longer fitted, where there was some. */
export interface TextTokens {
  ids: Int32Array;
  cut?: string;
}

/** What an encoder makes of a job's texts: an entry for each of the steering's rows, `[1, tokens, width]`. */
export interface EncodedEach {
  states: readonly Rows[];
  warnings: readonly WarningEvent[];
}

/** Encodes a job's texts. What the encoder has been given before, in this job or another, is not encoded again. */
export async function encodeEach(
  model: OpenModel,
  { groups, rows }: Pick<Steering, "groups" | "rows">,
  encoder: WholeTextEncoder,
): Promise<EncodedEach> {
  const tokenizer = await model.textTokenizer(encoder.tokenizer);
  const warnings: WarningEvent[] = [];
  const encoded: EncodedText[][] = [];
  for (const { field, texts } of groups) {
    const each: EncodedText[] = [];
    for (const text of texts) {
      const { ids, cut } = encoder.tokensOf(text, tokenizer, field);
      if (cut !== undefined) {
        const message = `${field}: the text encoder takes ${tokenizer.length} tokens; this was left off: "${clip(cut)}"`;
        warnings.push({ type: "warning", code: "prompt_truncated", field, message });
      }
      const key = createHash("sha256")
        .update(encoder.network)
        .update(encoder.beside ?? "")
        .update(ids)
        .digest("hex");
      const make = async (): Promise<EncodedText[]> => {
        const { data, dims } = await encoder.encode(ids, tokenizer);
        return [{ states: data, width: dims.at(-1)!, pooled: new Float32Array(0) }];
      };
      each.push(...(await model.texts.get(key, make)));
    }
    encoded.push(each);
  }
  const states = rows.map(({ parts: [ref] }): Rows => {
    const { states: data, width } = encoded[ref!.group]![ref!.text]!;
    return { data, dims: [1, data.length / width, width] };
  });
  return { states, warnings };
}
