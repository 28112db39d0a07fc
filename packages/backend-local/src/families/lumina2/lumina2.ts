import { partOf } from "../../models/model.ts";
import { buildGemma2 } from "../../networks/gemma2/gemma2.ts";
import { gemma2Config } from "../../networks/gemma2/gemma2-config.ts";
import { lumina2Config } from "../../networks/lumina2-transformer/lumina2-config.ts";
import { buildLumina2Transformer } from "../../networks/lumina2-transformer/lumina2-transformer.ts";
import type { FamilyEngine } from "../family.ts";
import { encodeChats } from "../shared/chat-encoder.ts";
import { lengthOfRows } from "../shared/guided-length.ts";
import { shiftedBy } from "../shared/kl-codec.ts";
import { fluxColours } from "../shared/latent-colours.ts";
import { qwen3Rotary } from "../shared/qwen3-rotary.ts";
import { onGrid, rotaryTables } from "../shared/rotary-tables.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, patchedPass } from "../shared/transformer-passes.ts";
import { vaeCodec } from "../shared/vae-codec.ts";
import { vaeNetworks } from "../shared/vae-networks.ts";

const system =
  "You are an assistant designed to generate superior images with the superior degree of image-text alignment based on textual prompts or user prompts.";

/** A prompt is told after the system's; a negative one stands alone. */
const template = (field: string) => ({
  before: field === "negativePrompt" ? "" : `${system} <Prompt Start> `,
  after: "",
});

/**
 * Lumina Image 2.0: Gemma 2's last but one states of a text, and the picture's tokens after them, over FLUX.1's latents. Its time goes from noise to
 * picture. Guidance keeps the length of each row of the prediction.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: {
      part: "textEncoder",
      build: (config, weights, options) => buildGemma2(config, weights, { ...options, states: [-2] }),
    },
    transformer: { part: "transformer", build: buildLumina2Transformer },
    ...vaeNetworks,
  },

  needs: () => ["textEncoder", "transformer", "vaeDecoder"],

  async open(model, { steering, dims }, signal) {
    const { axes_dim_rope: axes } = lumina2Config(partOf(model.model, "transformer").config);
    const rotary = qwen3Rotary(gemma2Config(partOf(model.model, "textEncoder").config));
    const encoder = { network: "textEncoder", tokenizer: "tokenizer", template, rotary };
    const { states, warnings } = await encodeChats(model, steering, encoder, signal);
    const transformer = await model.network("transformer");

    const options = { axes, theta: 10_000, precision: "double" } as const;
    const conditions = states.map((text): Condition => {
      const count = text.dims[1]!;
      const words = rotaryTables(
        Array.from({ length: count }, (_, i) => [i, 0, 0]),
        options,
      );
      // The picture lies after the text.
      const image = rotaryTables(onGrid(dims[1] / 2, dims[2] / 2, [count]), options);
      return { text, text_cos: words.cos, text_sin: words.sin, image_cos: image.cos, image_sin: image.sin };
    });
    const pass = patchedPass(model.runtime, transformer, dims, signal, {
      ...{ order: "squares first", negated: true },
      timeOf: (timestep) => ({ data: Float32Array.of(1 - Math.fround(timestep / 1000)), dims: [1] }),
    });
    return {
      warnings,
      predict: steeredPasses(steering, conditions, (each) => onePassEach(each, pass)),
      afterGuidance: (guided, cond) => lengthOfRows(guided, cond, dims[2]),
    };
  },

  codec: vaeCodec(({ model: { traits } }) => shiftedBy(traits.shiftFactor ?? 0, traits.scalingFactor), fluxColours),
};
