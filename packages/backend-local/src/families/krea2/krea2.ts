import { partOf } from "../../models/model.ts";
import { krea2Config } from "../../networks/krea2-transformer/krea2-config.ts";
import { buildKrea2Transformer } from "../../networks/krea2-transformer/krea2-transformer.ts";
import { buildQwen3VL } from "../../networks/qwen3-vl/qwen3-vl.ts";
import { qwen3VLConfig } from "../../networks/qwen3-vl/qwen3-vl-config.ts";
import { qwenImageTemplate } from "../../prompts/chat-template.ts";
import type { FamilyEngine } from "../family.ts";
import { encodeChats } from "../shared/chat-encoder.ts";
import { qwenVaeCodec, qwenVaeNetworks } from "../shared/qwen-vae-codec.ts";
import { qwen3Rotary } from "../shared/qwen3-rotary.ts";
import { onGrid, withPlacelessTexts } from "../shared/rotary-tables.ts";
import { steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, patchedPass } from "../shared/transformer-passes.ts";
import { needsVaeEncoder } from "../shared/vae-networks.ts";
import { selectedLayers } from "./krea2-index.ts";
import { dropped } from "./krea2-traits.ts";

/**
 * Krea 2: the states of twelve layers of Qwen3-VL, which is asked to describe a picture as for Qwen-Image, in one stream with the picture's tokens, over
 * the latents of Qwen-Image's VAE.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: {
      part: "textEncoder",
      build: (config, weights, options) =>
        buildQwen3VL(config, weights, { ...options, states: selectedLayers(options.index) }),
    },
    transformer: { part: "transformer", build: buildKrea2Transformer },
    ...qwenVaeNetworks,
  },

  needs: (job) => ["textEncoder", "transformer", "vaeDecoder", ...needsVaeEncoder(job)],

  async open(model, { steering, dims }, signal) {
    const { axes_dims_rope: axes, rope_theta: theta } = krea2Config(partOf(model.model, "transformer").config);
    const encoder = {
      ...{
        network: "textEncoder",
        tokenizer: "tokenizer",
        template: qwenImageTemplate,
        drops: dropped,
        keepsEnd: true,
      },
      rotary: qwen3Rotary(qwen3VLConfig(partOf(model.model, "textEncoder").config)),
    };
    const { states, warnings } = await encodeChats(model, steering, encoder, signal);
    const transformer = await model.network("transformer");

    const places = onGrid(dims[1] / 2, dims[2] / 2, [0]);
    const conditions = withPlacelessTexts(states, places, { axes, theta, precision: "double" });
    const pass = patchedPass(model.runtime, transformer, dims, signal);
    return { warnings, predict: steeredPasses(steering, conditions, (each) => onePassEach(each, pass)) };
  },

  codec: qwenVaeCodec,
};
