import { partOf } from "../../models/model.ts";
import { qwenImage21Config } from "../../networks/qwen-image-21-transformer/qwen-image-21-config.ts";
import {
  buildQwenImage21Text,
  buildQwenImage21Transformer,
} from "../../networks/qwen-image-21-transformer/qwen-image-21-transformer.ts";
import { buildQwen3VL } from "../../networks/qwen3-vl/qwen3-vl.ts";
import { qwen3VLConfig } from "../../networks/qwen3-vl/qwen3-vl-config.ts";
import { qwenImage21System, qwenImage21Template } from "../../prompts/chat-template.ts";
import type { FamilyEngine, OpenModel } from "../family.ts";
import { encodeChats } from "../shared/chat-encoder.ts";
import { turned } from "../shared/flux2-codec.ts";
import { qwen3Rotary } from "../shared/qwen3-rotary.ts";
import { aroundMiddle, rotaryTables } from "../shared/rotary-tables.ts";
import type { Rows } from "../shared/rows.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, type Pass, timestepRow, toFeeds } from "../shared/transformer-passes.ts";
import { qwenVae21Codec, qwenVae21Networks } from "./qwen-image-21-codec.ts";

/**
 * Qwen-Image 2.1: what Qwen3-VL's last layer makes of the prompt, and after it the picture, a token for each square of the latent, in one sequence in which text
 * looks back alone. So what the text is to the picture, its keys and values in every block, is made once for all steps.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: {
      part: "textEncoder",
      build: (config, weights, options) => buildQwen3VL(config, weights, { ...options, normsLast: false }),
    },
    textTransformer: { part: "transformer", build: buildQwenImage21Text, preparesFor: "transformer" },
    transformer: { part: "transformer", build: buildQwenImage21Transformer },
    ...qwenVae21Networks,
  },

  needs: () => ["textEncoder", "textTransformer", "transformer", "vaeDecoder"],

  async open(model, { steering, dims }, signal) {
    const { axes_dims_rope: axes } = qwenImage21Config(partOf(model.model, "transformer").config);
    const encoder = {
      ...{ network: "textEncoder", tokenizer: "tokenizer", template: qwenImage21Template, keepsEnd: true },
      rotary: qwen3Rotary(qwen3VLConfig(partOf(model.model, "textEncoder").config)),
      drops: (await model.textTokenizer("tokenizer")).tokens(qwenImage21System).length,
    };
    // A language model needs something to read.
    const groups = steering.groups.map((group) => ({ ...group, texts: group.texts.map((text) => text || " ") }));
    const { states, warnings } = await encodeChats(model, { ...steering, groups }, encoder, signal);

    const options = { axes, theta: 10_000, precision: "single" } as const;
    const [channels, height, width] = dims;
    const conditions: Condition[] = [];
    for (const text of states) {
      const tokens = text.dims[1]!;
      const words = rotaryTables(
        Array.from({ length: tokens }, (_, i) => [i, i, i]),
        options,
      );
      const { cos, sin } = rotaryTables(aroundMiddle(height, width, tokens), options);
      conditions.push({ ...(await keysAndValues(model, { ...words, text }, signal)), cos, sin });
    }
    const transformer = await model.network("transformer");
    const pass: Pass = async (latent, timestep, condition) => {
      const image: Rows = { data: turned(latent, channels, height * width), dims: [1, height * width, channels] };
      const feeds = toFeeds(model.runtime, { ...condition, image, timestep: timestepRow(timestep) });
      const { data } = await transformer.run(feeds, "velocity", signal);
      return turned(data as Float32Array, height * width, channels);
    };
    return { warnings, predict: steeredPasses(steering, conditions, (each) => onePassEach(each, pass)) };
  },

  codec: qwenVae21Codec,
};

/** What a text is to a picture in each block. */
async function keysAndValues(model: OpenModel, text: Condition, signal: AbortSignal): Promise<Condition> {
  const { num_layers: count } = qwenImage21Config(partOf(model.model, "transformer").config);
  const names = Array.from({ length: count }, (_, i) => [`key_${i}`, `value_${i}`]).flat();
  const network = await model.network("textTransformer");
  const found = await network.runAll(toFeeds(model.runtime, text), names, signal);
  const rows = found.map(({ data, dims }, i): [string, Rows] => [
    names[i]!,
    { data: (data as Float32Array).slice(), dims },
  ]);
  return Object.fromEntries(rows);
}
