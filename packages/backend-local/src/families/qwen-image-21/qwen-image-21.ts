import type { Tensor } from "onnxruntime-node";
import { partOf } from "../../models/model.ts";
import { qwenImage21Config } from "../../networks/qwen-image-21-transformer/qwen-image-21-config.ts";
import {
  buildQwenImage21Text,
  buildQwenImage21Transformer,
} from "../../networks/qwen-image-21-transformer/qwen-image-21-transformer.ts";
import { buildQwen3VL } from "../../networks/qwen3-vl/qwen3-vl.ts";
import { qwen3VLConfig } from "../../networks/qwen3-vl/qwen3-vl-config.ts";
import { buildQwen3VLVision, qwen3VLVisionConfig } from "../../networks/qwen3-vl/qwen3-vl-vision.ts";
import { qwenImage21System, qwenImage21Template } from "../../prompts/chat-template.ts";
import type { FamilyEngine, FamilyJob, NetworkChoice, NetworkOptions, OpenModel } from "../family.ts";
import { encodeChats } from "../shared/chat-encoder.ts";
import { turned } from "../shared/flux2-codec.ts";
import { pictureRotary, qwen3Rotary } from "../shared/qwen3-rotary.ts";
import { qwen3VLSight } from "../shared/qwen3-vl-sight.ts";
import { encodeReferences } from "../shared/reference-latents.ts";
import { aroundMiddle, rotaryTables } from "../shared/rotary-tables.ts";
import type { Rows } from "../shared/rows.ts";
import { seePictures } from "../shared/seen-pictures.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, type Pass, timestepRow, toFeeds } from "../shared/transformer-passes.ts";
import { needsVaeEncoder } from "../shared/vae-networks.ts";
import { qwenVae21Codec, qwenVae21Networks } from "./qwen-image-21-codec.ts";
import { sees } from "./qwen-image-21-traits.ts";
import { sequenceFeeds, wordsBefore } from "./words-and-pictures.ts";

/**
 * Qwen-Image 2.1: what Qwen3-VL's last layer makes of the prompt and of reference pictures, whose latents stand among its words, and after them the picture, a
 * token for each square of the latent, in one sequence in which words and pictures look back alone. So what they are to the picture, their keys and values in
 * every block, is made once for all steps.
 */
export const engine: FamilyEngine = {
  networks: {
    vision: { part: "textEncoder", build: buildQwen3VLVision, serves: sees },
    textEncoder: {
      part: "textEncoder",
      build: (config, weights, options) =>
        buildQwen3VL(config, weights, {
          ...options,
          normsLast: false,
          ...(options.references && { sees: deep(config) }),
        }),
    },
    textTransformer: { part: "transformer", build: buildQwenImage21Text, preparesFor: "transformer" },
    transformer: { part: "transformer", build: buildQwenImage21Transformer },
    ...qwenVae21Networks,
  },

  needs: (job) => [
    ...(job.inputs.references === undefined ? [] : ["vision"]),
    ...[textEncoder(job), textTransformer(job), "transformer", "vaeDecoder"],
    ...(job.inputs.references === undefined ? needsVaeEncoder(job) : ["vaeEncoder"]),
  ],

  async open(model, job, signal) {
    const { steering, dims } = job;
    const { axes_dims_rope: axes } = qwenImage21Config(partOf(model.model, "transformer").config);
    const tokenizer = await model.textTokenizer("tokenizer");
    const template = qwenImage21Template(job.inputs.references?.length ?? 0);
    const drops = tokenizer.tokens(qwenImage21System).length;
    const sight = await sightOf(model, job, signal);
    const encoder = { ...sight, tokenizer: "tokenizer", template, drops, keepsEnd: true };
    // A language model needs something to read.
    const groups = steering.groups.map((group) => ({ ...group, texts: group.texts.map((text) => text || " ") }));
    const { states, warnings } = await encodeChats(model, { ...steering, groups }, encoder, signal);
    const pictures = await encodeReferences(model, qwenVae21Codec, job, signal);
    const sequence = { pictures, words: wordsBefore(template.before, tokenizer, drops) };

    const options = { axes, theta: 10_000, precision: "single" } as const;
    const [channels, height, width] = dims;
    const conditions: Condition[] = [];
    for (const text of states) {
      const { feeds, next } = sequenceFeeds(model, text, sequence, options);
      const { cos, sin } = rotaryTables(aroundMiddle(height, width, next), options);
      conditions.push({ ...(await keysAndValues(model, textTransformer(job), feeds, signal)), cos, sin });
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

/** How many of the text model's first layers are given more of what is seen. */
function deep(config: unknown): number {
  return qwen3VLVisionConfig(config).deepstack_visual_indexes.length;
}

function textEncoder({ inputs }: FamilyJob): NetworkChoice {
  return inputs.references === undefined ? "textEncoder" : { network: "textEncoder", references: true };
}

function textTransformer({ inputs }: FamilyJob): NetworkChoice {
  const pictures: NetworkOptions["pictures"] = inputs.references?.length;
  return pictures === undefined ? "textTransformer" : { network: "textTransformer", pictures };
}

/** The text encoder with the pictures that it is shown, where there are any. */
async function sightOf(model: OpenModel, job: FamilyJob, signal: AbortSignal) {
  const { config } = partOf(model.model, "textEncoder");
  const spec = qwen3VLConfig(config);
  const network = textEncoder(job);
  const { seen } = job.inputs;
  if (seen === undefined) return { network, rotary: qwen3Rotary(spec) };
  const sight = qwen3VLSight("vision", config);
  const pictures = await seePictures(model, seen, sight, signal);
  return {
    network,
    rotary: pictureRotary(spec, "in turn"),
    sees: { pictures, deep: sight.deep, width: spec.hidden_size },
  };
}

/** What words, and pictures among them, are to a picture in each block. */
async function keysAndValues(
  model: OpenModel,
  choice: NetworkChoice,
  feeds: Record<string, Tensor>,
  signal: AbortSignal,
): Promise<Condition> {
  const { num_layers: count } = qwenImage21Config(partOf(model.model, "transformer").config);
  const names = Array.from({ length: count }, (_, i) => [`key_${i}`, `value_${i}`]).flat();
  const network = await model.network(choice);
  const found = await network.runAll(feeds, names, signal);
  const rows = found.map(({ data, dims }, i): [string, Rows] => [
    names[i]!,
    { data: (data as Float32Array).slice(), dims },
  ]);
  return Object.fromEntries(rows);
}
