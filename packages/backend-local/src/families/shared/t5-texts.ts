import { partOf } from "../../models/model.ts";
import { anyT5Config } from "../../networks/t5-encoder/t5-config.ts";
import { t5Distances } from "../../networks/t5-encoder/t5-encoder.ts";
import type { Steering } from "../../prompts/steering.ts";
import type { OpenModel } from "../family.ts";
import { type EncodedEach, encodeEach } from "./encode-each.ts";

/** A model's T5, by its network's (and part's) and its tokenizer's name. */
export interface T5Names {
  network: string;
  tokenizer: string;
  /** Whether padding is hidden from the text. Default: it is seen like words. */
  masks?: boolean;
  /** A text as the encoder is given it. Default: as it is. */
  written?: (text: string) => string;
  /** How much padding there is at most, where it is hidden: what stands after it is left out. Default: all. */
  padding?: number;
}

/** Encodes a job's texts by T5, each filled up to the tokenizer's length; what does not fit is cut off, and the end token stays. */
export async function encodeT5(
  model: OpenModel,
  steering: Pick<Steering, "groups" | "rows">,
  { network: name, tokenizer, masks = false, padding, written = (text) => text }: T5Names,
  signal: AbortSignal,
): Promise<EncodedEach> {
  const config = anyT5Config(partOf(model.model, name).config);
  return encodeEach(model, steering, {
    network: name,
    tokenizer,
    tokensOf(text, words) {
      const all = words.tokens(written(text));
      if (all.length <= words.length) return { ids: Int32Array.from(all) };
      const kept = all.slice(0, words.length - 1);
      return { ids: Int32Array.from([...kept, all.at(-1)!]), cut: words.textOf(all.slice(kept.length, -1)) };
    },
    async encode(ids, { length: most, pad }) {
      const length = padding === undefined ? most : Math.min(most, ids.length + padding);
      const { Tensor } = model.runtime;
      const filled = new Int32Array(length).fill(pad);
      filled.set(ids);
      const attended = Uint8Array.from(filled, (_, i) => (!masks || i < ids.length ? 1 : 0));
      const feeds = {
        input_ids: new Tensor("int32", filled, [1, length]),
        attended: new Tensor("bool", attended, [1, 1, 1, length]),
        distances: new Tensor("int32", t5Distances(length, config), [length, length]),
      };
      const network = await model.network(name);
      const { data, dims } = await network.run(feeds, "hidden_states", signal);
      return { data: (data as Float32Array).slice(), dims };
    },
  });
}
