import { partOf } from "../../models/model.ts";
import { auraflowConfig } from "../../networks/auraflow-transformer/auraflow-config.ts";
import { buildAuraFlowTransformer } from "../../networks/auraflow-transformer/auraflow-transformer.ts";
import { buildT5Encoder } from "../../networks/t5-encoder/t5-encoder.ts";
import type { FamilyEngine } from "../family.ts";
import { scaledBy } from "../shared/kl-codec.ts";
import { xlColours } from "../shared/latent-colours.ts";
import { fromPatches, toPatches } from "../shared/latent-patches.ts";
import type { Rows } from "../shared/rows.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { encodeT5 } from "../shared/t5-texts.ts";
import { onePassEach, type Pass, timestepRow, toFeeds } from "../shared/transformer-passes.ts";
import { vaeCodec } from "../shared/vae-codec.ts";
import { vaeNetworks } from "../shared/vae-networks.ts";
import { textLength } from "./auraflow-traits.ts";

/**
 * AuraFlow: UMT5's states of a text, with zeros for its padding, which is seen like words; beside the picture's tokens, whose learned places are the middle of the
 * largest picture's; over Stable Diffusion XL's latents.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildT5Encoder },
    transformer: { part: "transformer", build: buildAuraFlowTransformer },
    ...vaeNetworks,
  },

  needs: () => ["textEncoder", "transformer", "vaeDecoder"],

  async open(model, { steering, dims }, signal) {
    const { pos_embed_max_size: largest } = auraflowConfig(partOf(model.model, "transformer").config);
    // Padding is hidden from the text encoder: it need not be there.
    const umt5 = { network: "textEncoder", tokenizer: "tokenizer", masks: true, padding: 0 };
    const { states, warnings } = await encodeT5(model, steering, umt5, signal);
    const transformer = await model.network("transformer");

    const [, height, width] = dims;
    const places = middleOf(Math.sqrt(largest), height / 2, width / 2);
    const pass: Pass = async (latent, timestep, condition) => {
      const image = { data: toPatches(latent, dims, "channels first"), dims: [1, places.length, 4 * dims[0]] };
      const feeds = {
        ...toFeeds(model.runtime, { ...condition, image, timestep: timestepRow(timestep) }),
        places: new model.runtime.Tensor("int32", places, [places.length]),
      };
      const { data } = await transformer.run(feeds, "velocity", signal);
      return fromPatches(data as Float32Array, dims, "squares first");
    };
    const conditions = states.map((text): Condition => ({ text: filledUp(text) }));
    return { warnings, predict: steeredPasses(steering, conditions, (each) => onePassEach(each, pass)) };
  },

  codec: vaeCodec(({ model: { traits } }) => scaledBy(traits.scalingFactor), xlColours),
};

/** Places of a picture's tokens among those of a square: its middle, sooner above and to the left. */
function middleOf(side: number, rows: number, columns: number): Int32Array {
  const [top, left] = [rows, columns].map((count) => Math.floor(side / 2) - Math.floor(count / 2)) as [number, number];
  return Int32Array.from(
    { length: rows * columns },
    (_, i) => (top + Math.floor(i / columns)) * side + left + (i % columns),
  );
}

/** A text's states with zeros after them, up to the length of all texts. */
function filledUp({ data, dims: [, , width] }: Rows): Rows {
  const all = new Float32Array(textLength * width!);
  all.set(data);
  return { data: all, dims: [1, textLength, width!] };
}
