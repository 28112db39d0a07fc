import { controlledTransformer, isControlled } from "../../adapters/control/transformer-controls.ts";
import { partOf } from "../../models/model.ts";
import { buildQwen3 } from "../../networks/qwen3/qwen3.ts";
import { qwen3Config } from "../../networks/qwen3/qwen3-config.ts";
import { buildZImageTransformer } from "../../networks/z-image-transformer/z-image-transformer.ts";
import { zImageConfig } from "../../networks/z-image-transformer/z-image-transformer-config.ts";
import { qwen3Template } from "../../prompts/chat-template.ts";
import type { FamilyEngine } from "../family.ts";
import { encodeChats } from "../shared/chat-encoder.ts";
import { shiftedBy } from "../shared/kl-codec.ts";
import { fluxColours } from "../shared/latent-colours.ts";
import { fromPatches, toPatches } from "../shared/latent-patches.ts";
import { qwen3Rotary } from "../shared/qwen3-rotary.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, type Pass, toFeeds } from "../shared/transformer-passes.ts";
import { vaeCodec } from "../shared/vae-codec.ts";
import { needsVaeEncoder, vaeNetworks } from "../shared/vae-networks.ts";
import { zImageControls } from "./z-image-controls.ts";
import { anglesOf, filledUp, paddingOf, withPadding } from "./z-image-sequence.ts";

const codec = vaeCodec(
  ({ model: { traits } }) => shiftedBy(traits.shiftFactor ?? 0, traits.scalingFactor),
  fluxColours,
);

/**
 * Z-Image: the last but one states of Qwen3 beside the picture's tokens in one sequence, over FLUX.1's latents. The network is told how much
 * of the way from noise to picture is done, and predicts the way on.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: {
      part: "textEncoder",
      build: (config, weights, options) => buildQwen3(config, weights, { ...options, states: [-2] }),
    },
    transformer: { part: "transformer", build: buildZImageTransformer },
    ...vaeNetworks,
  },

  needs: (job, model) => [
    ...["textEncoder", controlledTransformer(job, model), "vaeDecoder"],
    ...(isControlled(job) ? ["vaeEncoder"] : needsVaeEncoder(job)),
  ],

  async open(model, job, signal) {
    const { steering, dims } = job;
    const config = zImageConfig(partOf(model.model, "transformer").config);
    const rotary = qwen3Rotary(qwen3Config(partOf(model.model, "textEncoder").config));
    const encoder = { network: "textEncoder", tokenizer: "tokenizer", template: qwen3Template(true), rotary };
    const { states, warnings } = await encodeChats(model, steering, encoder, signal);
    const controls = await zImageControls(model, job, codec, signal);
    const transformer = await model.network(controlledTransformer(job, model.model));

    const [rows, columns] = [dims[1] / 2, dims[2] / 2];
    const conditions = states.map((text): Condition => ({ text, ...anglesOf(config, text.dims[1]!, [rows, columns]) }));
    const padding = (tokens: number) => new model.runtime.Tensor("bool", paddingOf(tokens), [1, filledUp(tokens), 1]);
    const pass: Pass = async (latent, timestep, { text, ...angles }, drawn, index) => {
      const tokens = rows * columns;
      const image = { data: toPatches(latent, dims, "squares first"), dims: [1, tokens, 4 * dims[0]] };
      const done = Math.fround(Math.fround((1000 - timestep) / 1000) * config.t_scale);
      const feeds = {
        ...toFeeds(model.runtime, { image: withPadding(image), text: withPadding(text!), ...angles }),
        image_padding: padding(tokens),
        text_padding: padding(text!.dims[1]!),
        timestep: new model.runtime.Tensor("float32", Float32Array.of(done), [1]),
      };
      const added = await controls?.added(index, feeds, drawn!);
      const { data } = await transformer.run({ ...feeds, ...added }, "velocity", signal);
      // The samplers' way is from the picture to noise.
      return fromPatches(data as Float32Array, dims, "squares first").map((value) => -value);
    };
    return {
      warnings,
      ...controls?.denoiser,
      predict: steeredPasses(steering, conditions, (each) => onePassEach(each, pass)),
    };
  },

  codec,
};
