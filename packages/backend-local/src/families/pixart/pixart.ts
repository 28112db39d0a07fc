import { partOf } from "../../models/model.ts";
import { pixartConfig } from "../../networks/pixart-transformer/pixart-config.ts";
import { buildPixArtTransformer } from "../../networks/pixart-transformer/pixart-transformer.ts";
import { buildT5Encoder } from "../../networks/t5-encoder/t5-encoder.ts";
import { inSmallLetters } from "../../prompts/python-text.ts";
import type { FamilyEngine } from "../family.ts";
import { shiftedBy } from "../shared/kl-codec.ts";
import { xlColours } from "../shared/latent-colours.ts";
import { fromPatches } from "../shared/latent-patches.ts";
import { sincosPlaces } from "../shared/sincos-places.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { encodeT5 } from "../shared/t5-texts.ts";
import { onePassEach, type Pass, toFeeds } from "../shared/transformer-passes.ts";
import { vaeCodec } from "../shared/vae-codec.ts";
import { vaeNetworks } from "../shared/vae-networks.ts";

/** PixArt-Σ: a picture's tokens look at T5's states of a text in small letters, without its padding. Of what the network makes the noise counts, and not its variance. */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildT5Encoder },
    transformer: { part: "transformer", build: buildPixArtTransformer },
    ...vaeNetworks,
  },

  needs: () => ["textEncoder", "transformer", "vaeDecoder"],

  async open(model, { steering, dims }, signal) {
    const spec = pixartConfig(partOf(model.model, "transformer").config);
    const t5 = {
      ...{ network: "textEncoder", tokenizer: "tokenizer", masks: true, padding: 0 },
      written: inSmallLetters,
    };
    const { states, warnings } = await encodeT5(model, steering, t5, signal);
    const transformer = await model.network("transformer");

    const [, height, width] = dims;
    const places = sincosPlaces(height / 2, width / 2, {
      width: spec.num_attention_heads * spec.attention_head_dim,
      base: spec.sample_size / 2,
      scale: spec.interpolation_scale,
    });
    const conditions = states.map((text): Condition => ({ text, places }));
    const pass: Pass = async (latent, timestep, condition) => {
      const time = { data: Float32Array.of(timestep), dims: [1] };
      const feeds = { ...condition, sample: { data: latent, dims: [1, ...dims] }, timestep: time };
      const { data } = await transformer.run(toFeeds(model.runtime, feeds), "noise", signal);
      const made = fromPatches(data as Float32Array, [spec.out_channels, height, width], "squares first");
      return made.slice(0, latent.length);
    };
    return { warnings, predict: steeredPasses(steering, conditions, (each) => onePassEach(each, pass)) };
  },

  codec: vaeCodec(({ model: { traits } }) => shiftedBy(traits.shiftFactor ?? 0, traits.scalingFactor), xlColours),
};
