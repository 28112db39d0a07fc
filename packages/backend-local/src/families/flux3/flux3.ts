import { partOf } from "../../models/model.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../../networks/autoencoder-kl/autoencoder-kl.ts";
import { flux3Config } from "../../networks/flux3-transformer/flux3-config.ts";
import { buildFlux3Transformer } from "../../networks/flux3-transformer/flux3-transformer.ts";
import { buildQwen3VL } from "../../networks/qwen3-vl/qwen3-vl.ts";
import { qwen3VLConfig } from "../../networks/qwen3-vl/qwen3-vl-config.ts";
import { qwen3Template } from "../../prompts/chat-template.ts";
import type { FamilyEngine, FamilyJob, NetworkChoice } from "../family.ts";
import { encodeChats } from "../shared/chat-encoder.ts";
import { flux2Codec, turned } from "../shared/flux2-codec.ts";
import { referenceTokens } from "../shared/flux2-references.ts";
import { qwen3Rotary } from "../shared/qwen3-rotary.ts";
import { type Positions, rotaryTables } from "../shared/rotary-tables.ts";
import { scaleWarnings } from "../shared/scale-warnings.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, type Pass, timestepRow, toFeeds } from "../shared/transformer-passes.ts";
import { textLength, textMultiple, textStates } from "./flux3-traits.ts";

/** Squares lie half a place apart. */
const distance = 0.5;

const transformer = ({ inputs }: FamilyJob): NetworkChoice =>
  inputs.references === undefined ? "transformer" : { network: "transformer", references: true };

/**
 * FLUX.3 klein: eight of Qwen3-VL's states side by side, filled up to a multiple of 80 tokens whose padding counts; text, picture and reference
 * pictures first each by itself, then in one sequence. A token is a block of 2×2 of the VAE's latents, which is FLUX.2's.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: {
      part: "textEncoder",
      build: (config, weights, options) => buildQwen3VL(config, weights, { ...options, states: textStates }),
    },
    transformer: { part: "transformer", build: buildFlux3Transformer },
    vaeDecoder: { part: "vae", build: buildVaeDecoder },
    vaeEncoder: { part: "vae", build: buildVaeEncoder },
  },

  needs: (job) => [
    ...["textEncoder", transformer(job), "vaeDecoder"],
    ...(job.inputs.references === undefined ? [] : ["vaeEncoder"]),
  ],

  async open(model, job, signal) {
    const { steering, dims, settings } = job;
    const spec = flux3Config(partOf(model.model, "transformer").config);
    const encoder = {
      ...{ network: "textEncoder", tokenizer: "tokenizer", template: qwen3Template(true) },
      rotary: qwen3Rotary(qwen3VLConfig(partOf(model.model, "textEncoder").config)),
      filledTo: (tokens: number) => Math.min(textLength, Math.ceil(tokens / textMultiple) * textMultiple),
      // Where transformers had it when the model was trained.
      paddingPlace: 1,
    };
    const { states, warnings } = await encodeChats(model, steering, encoder, signal);
    const references = await referenceTokens(model, job, (h, w, i) => squares(h, w, -(i + 1)), signal);
    const network = await model.network(transformer(job));

    const [channels, height, width] = dims;
    const count = height * width;
    const angles = (name: string, places: Positions): Condition => {
      const { axes_dims_rope: axes, rope_theta: theta } = spec;
      const { cos, sin } = rotaryTables(places, { axes, theta, precision: "double" });
      return { [`${name}_cos`]: cos, [`${name}_sin`]: sin };
    };
    const seen: Condition = {
      ...angles("image", squares(height, width, 0)),
      ...(job.inputs.references && { reference: references.tokens, ...angles("reference", references.places) }),
    };
    const conditions = states.map((text): Condition => {
      const words = Array.from({ length: text.dims[1]! }, (_, i) => [0, 0, 0, i]);
      return { ...seen, text, ...angles("text", words) };
    });
    const pass: Pass = async (latent, timestep, condition) => {
      const image = { data: turned(latent, channels, count), dims: [1, count, channels] };
      const target = spec.flow_map ? { target: timestepRow(nextOf(timestep, settings.grid.sigmas)) } : {};
      const feeds = { ...condition, image, timestep: timestepRow(timestep), ...target };
      const { data } = await network.run(toFeeds(model.runtime, feeds), "velocity", signal);
      return turned(data as Float32Array, count, channels);
    };
    const predict = steeredPasses(steering, conditions, (each) => onePassEach(each, pass));
    return { warnings: [...warnings, ...scaleWarnings(model, job)], predict };
  },

  codec: flux2Codec,
};

/** Time, row, column, place in the text: the picture's last is 0, the reference pictures' −1, −2 … */
function squares(height: number, width: number, place: number): Positions {
  return Array.from({ length: height * width }, (_, i) => [
    ...[0, distance * Math.floor(i / width), distance * (i % width), place],
  ]);
}

/** The timestep that a step from `timestep` goes to: of the levels, the first that is lower. A sampler's own, between them, goes there too. */
function nextOf(timestep: number, sigmas: Float64Array): number {
  const next = sigmas.find((sigma) => sigma * 1000 < timestep - 1e-3);
  return 1000 * (next ?? 0);
}
