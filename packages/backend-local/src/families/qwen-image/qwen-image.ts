import { partOf } from "../../models/model.ts";
import { qwenImageConfig } from "../../networks/qwen-image-transformer/qwen-image-config.ts";
import { buildQwenImageTransformer } from "../../networks/qwen-image-transformer/qwen-image-transformer.ts";
import { buildQwen25VL } from "../../networks/qwen2-5-vl/qwen2-5-vl.ts";
import { qwen25VLConfig } from "../../networks/qwen2-5-vl/qwen2-5-vl-config.ts";
import { qwenImageTemplate } from "../../prompts/chat-template.ts";
import type { FamilyEngine } from "../family.ts";
import { encodeChats } from "../shared/chat-encoder.ts";
import { lengthOfTokens } from "../shared/guided-length.ts";
import { fromPatches, toPatches } from "../shared/latent-patches.ts";
import { qwenVaeCodec, qwenVaeNetworks } from "../shared/qwen-vae-codec.ts";
import { qwen3Rotary } from "../shared/qwen3-rotary.ts";
import { type Positions, rotaryTables } from "../shared/rotary-tables.ts";
import type { Rows } from "../shared/rows.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, type Pass, toFeeds } from "../shared/transformer-passes.ts";
import { needsVaeEncoder } from "../shared/vae-networks.ts";
import { dropped } from "./qwen-image-traits.ts";

/**
 * Qwen-Image: the last states of Qwen2.5-VL, which is asked to describe a picture, beside the picture's tokens, over the latents of a VAE for films.
 * Guidance keeps the length of each token's prediction.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildQwen25VL },
    transformer: { part: "transformer", build: buildQwenImageTransformer },
    ...qwenVaeNetworks,
  },

  needs: (job) => ["textEncoder", "transformer", "vaeDecoder", ...needsVaeEncoder(job)],

  async open(model, { steering, dims }, signal) {
    const { axes_dims_rope: axes, in_channels: channels } = qwenImageConfig(partOf(model.model, "transformer").config);
    const rotary = qwen3Rotary(qwen25VLConfig(partOf(model.model, "textEncoder").config));
    const encoder = {
      network: "textEncoder",
      tokenizer: "tokenizer",
      template: qwenImageTemplate,
      rotary,
      drops: dropped,
    };
    const { states, warnings } = await encodeChats(model, steering, encoder, signal);
    const transformer = await model.network("transformer");

    const [rows, columns] = [dims[1] / 2, dims[2] / 2];
    const options = { axes, theta: 10_000, precision: "single" } as const;
    const image = rotaryTables(aroundMiddle(rows, columns), options);
    const first = Math.max(Math.floor(rows / 2), Math.floor(columns / 2));
    const conditions = states.map((text): Condition => {
      const words = Array.from({ length: text.dims[1]! }, (_, i) => [first + i, first + i, first + i]);
      const { cos, sin } = rotaryTables(words, options);
      return { text, text_cos: cos, text_sin: sin, image_cos: image.cos, image_sin: image.sin };
    });
    const pass: Pass = async (latent, timestep, condition) => {
      const shown: Rows = { data: toPatches(latent, dims, "channels first"), dims: [1, rows * columns, channels] };
      const time: Rows = { data: Float32Array.of(timestep), dims: [1] };
      const { data } = await transformer.run(
        toFeeds(model.runtime, { ...condition, image: shown, timestep: time }),
        "velocity",
        signal,
      );
      return fromPatches(data as Float32Array, dims, "channels first");
    };
    return {
      warnings,
      predict: steeredPasses(steering, conditions, (each) => onePassEach(each, pass)),
      afterGuidance: (guided, cond) => lengthOfTokens(guided, cond, dims),
    };
  },

  codec: qwenVaeCodec,
};

/** Places of a picture's tokens: its middle is at 0. */
function aroundMiddle(rows: number, columns: number): Positions {
  const [top, left] = [rows - Math.floor(rows / 2), columns - Math.floor(columns / 2)];
  return Array.from({ length: rows * columns }, (_, i) => [0, Math.floor(i / columns) - top, (i % columns) - left]);
}
