import type { WarningEvent } from "@latentkit/core";
import { partOf } from "../../models/model.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../../networks/autoencoder-kl/autoencoder-kl.ts";
import { buildFlux2Transformer } from "../../networks/flux2-transformer/flux2-transformer.ts";
import { flux2Config } from "../../networks/flux2-transformer/flux2-transformer-config.ts";
import { buildQwen3 } from "../../networks/qwen3/qwen3.ts";
import { qwen3Config } from "../../networks/qwen3/qwen3-config.ts";
import { fromPixels } from "../../pipeline/image-tensor.ts";
import { qwen3Template } from "../../prompts/chat-template.ts";
import type { FamilyEngine, FamilyJob, OpenModel } from "../family.ts";
import { encodeChats } from "../shared/chat-encoder.ts";
import { flux2Codec, turned } from "../shared/flux2-codec.ts";
import { qwen3Rotary } from "../shared/qwen3-rotary.ts";
import { onGrid, type Positions, rotaryTables } from "../shared/rotary-tables.ts";
import type { Rows } from "../shared/rows.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, type Pass, toFeeds } from "../shared/transformer-passes.ts";
import { textStates } from "./flux2-traits.ts";

/**
 * FLUX.2 klein: three of Qwen3's states side by side, filled up to 512 tokens whose padding counts; the picture, and after it the reference
 * pictures, in one sequence with them. A token is a block of 2×2 of the VAE's latents.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: {
      part: "textEncoder",
      build: (config, weights, options) => buildQwen3(config, weights, { ...options, states: textStates }),
    },
    transformer: { part: "transformer", build: buildFlux2Transformer },
    vaeDecoder: { part: "vae", build: buildVaeDecoder },
    vaeEncoder: { part: "vae", build: buildVaeEncoder },
  },

  needs: ({ inputs }) => [
    ...["textEncoder", "transformer", "vaeDecoder"],
    ...(inputs.references === undefined ? [] : ["vaeEncoder"]),
  ],

  async open(model, job, signal) {
    const { steering, dims } = job;
    const { axes_dims_rope: axes, rope_theta: theta } = flux2Config(partOf(model.model, "transformer").config);
    const rotary = qwen3Rotary(qwen3Config(partOf(model.model, "textEncoder").config));
    const encoder = {
      network: "textEncoder",
      tokenizer: "tokenizer",
      template: qwen3Template(false),
      rotary,
      fillsUp: true,
    };
    const { states, warnings } = await encodeChats(model, steering, encoder, signal);
    const references = await encodeReferences(model, job, signal);
    const transformer = await model.network("transformer");

    const [channels, height, width] = dims;
    const squares = height * width;
    // Time, row, column, place in the text; the picture is at time 0, references at 10, 20 …
    const places = [...onGrid(height, width, [0], [0]), ...references.places];
    const options = { axes, theta, precision: "double" } as const;
    const image = rotaryTables(places, options);
    const conditions = states.map((text): Condition => {
      const words = Array.from({ length: text.dims[1]! }, (_, i) => [0, 0, 0, i]);
      const { cos, sin } = rotaryTables(words, options);
      return { text, text_cos: cos, text_sin: sin, image_cos: image.cos, image_sin: image.sin };
    });
    const tokens = new Float32Array(places.length * channels);
    tokens.set(references.tokens, squares * channels);
    const pass: Pass = async (latent, timestep, condition) => {
      tokens.set(turned(latent, channels, squares));
      const rows: Rows = { data: tokens, dims: [1, places.length, channels] };
      const time: Rows = { data: Float32Array.of(timestep), dims: [1] };
      const feeds = toFeeds(model.runtime, { ...condition, image: rows, timestep: time });
      const { data } = await transformer.run(feeds, "velocity", signal);
      return turned((data as Float32Array).subarray(0, squares * channels), squares, channels);
    };
    const predict = steeredPasses(steering, conditions, (each) => onePassEach(each, pass));
    return { warnings: [...warnings, ...scaleWarnings(model, job)], predict };
  },

  codec: flux2Codec,
};

/** Reference pictures as tokens, one picture after the other, and their places. */
async function encodeReferences(model: OpenModel, { inputs: { references = [] } }: FamilyJob, signal: AbortSignal) {
  const { latentChannels: channels, scale } = model.model.traits;
  const places: Positions[] = [];
  const parts: Float32Array[] = [];
  for (const [i, picture] of references.entries()) {
    const latent = await flux2Codec.encode(model, fromPixels(picture), signal);
    const [height, width] = [picture.height / scale, picture.width / scale];
    parts.push(turned(latent, channels, height * width));
    places.push(onGrid(height, width, [10 * (i + 1)], [0]));
  }
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return { tokens: all, places: places.flat() };
}

/** The distilled model takes no scale, and diffusers passes over one. */
function scaleWarnings({ model }: OpenModel, { request }: FamilyJob): WarningEvent[] {
  if (model.traits.guidance !== "none" || (request.guidanceScale ?? 1) <= 1) return [];
  const message = "guidanceScale: this model was distilled to draw without guidance; the scale has no effect";
  return [{ type: "warning", code: "unsupported", field: "guidanceScale", message }];
}
