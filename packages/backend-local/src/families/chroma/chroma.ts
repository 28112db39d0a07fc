import { partOf } from "../../models/model.ts";
import { chromaConfig } from "../../networks/chroma-transformer/chroma-config.ts";
import { buildChromaTransformer } from "../../networks/chroma-transformer/chroma-transformer.ts";
import { buildT5Encoder } from "../../networks/t5-encoder/t5-encoder.ts";
import type { FamilyEngine } from "../family.ts";
import { shiftedBy } from "../shared/kl-codec.ts";
import { fluxColours } from "../shared/latent-colours.ts";
import { onGrid, withPlacelessTexts } from "../shared/rotary-tables.ts";
import { steeredPasses } from "../shared/steered-passes.ts";
import { encodeT5 } from "../shared/t5-texts.ts";
import { onePassEach, patchedPass } from "../shared/transformer-passes.ts";
import { vaeCodec } from "../shared/vae-codec.ts";
import { needsVaeEncoder, vaeNetworks } from "../shared/vae-networks.ts";

/**
 * Chroma: T5's states beside the picture's tokens, as in FLUX.1, and no other text encoder. Of a text's padding the first token alone is seen, so
 * that no more is there.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildT5Encoder },
    transformer: { part: "transformer", build: buildChromaTransformer },
    ...vaeNetworks,
  },

  needs: (job) => ["textEncoder", "transformer", "vaeDecoder", ...needsVaeEncoder(job)],

  async open(model, { steering, dims }, signal) {
    const { axes_dims_rope: axes } = chromaConfig(partOf(model.model, "transformer").config);
    const t5 = { network: "textEncoder", tokenizer: "tokenizer", masks: true, padding: 1 };
    const { states, warnings } = await encodeT5(model, steering, t5, signal);
    const transformer = await model.network("transformer");

    const places = onGrid(dims[1] / 2, dims[2] / 2, [0]);
    const conditions = withPlacelessTexts(states, places, { axes, theta: 10_000, precision: "double" });
    const pass = patchedPass(model.runtime, transformer, dims, signal);
    return { warnings, predict: steeredPasses(steering, conditions, (each) => onePassEach(each, pass)) };
  },

  codec: vaeCodec(({ model: { traits } }) => shiftedBy(traits.shiftFactor ?? 0, traits.scalingFactor), fluxColours),
};
