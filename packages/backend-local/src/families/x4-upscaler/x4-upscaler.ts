import type { Pixels } from "@latentkit/core";
import { buildClipText } from "../../networks/clip-text/clip-text.ts";
import { buildUNet } from "../../networks/unet-2d-condition/unet-2d-condition.ts";
import type { FamilyEngine } from "../family.ts";
import { encodeTexts } from "../shared/encode-texts.ts";
import { scaledBy } from "../shared/kl-codec.ts";
import { clipSkipWarnings, skippedLayers } from "../shared/skipped-layers.ts";
import { stacked, steeredPasses } from "../shared/steered-passes.ts";
import { unetOf } from "../shared/unet-denoiser.ts";
import { unetPasses } from "../shared/unet-passes.ts";
import { vaeCodec } from "../shared/vae-codec.ts";
import { vaeNetworks } from "../shared/vae-networks.ts";
import { lowResolution } from "./low-resolution.ts";
import { noiseLevelOf } from "./noise-level.ts";

/** The ×4 upscaler: a UNet that sees the noised small picture beside the latent, and how much noise that has as a class. */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildClipText },
    unet: { part: "unet", build: buildUNet },
    ...vaeNetworks,
  },

  needs(job, model) {
    noiseLevelOf(job.request, model);
    return ["textEncoder", unetOf(job), "vaeDecoder"];
  },

  async open(model, job, signal) {
    const encoder = {
      network: "textEncoder",
      tokenizer: "tokenizer",
      states(negative: boolean) {
        // OpenCLIP's encoder is saved without its last layer, as Stable Diffusion 2's.
        const layers = skippedLayers(job, negative, true);
        return layers > 0 ? `clip_skip.${layers}` : "last_hidden_state";
      },
    };
    const { states, warnings: told } = await encodeTexts(model, job.steering, encoder, signal);
    const warnings = [...told, ...clipSkipWarnings(job, true)];
    const conditions = states.map((each) => ({ encoder_hidden_states: each }));
    const choice = unetOf(job);
    const unet = await model.network(choice);
    const level = noiseLevelOf(job.request, model.model);
    const predict = steeredPasses(job.steering, conditions, (rows) =>
      unetPasses({
        unet,
        perturbs: choice !== "unet",
        runtime: model.runtime,
        rows: stacked(rows),
        classLabel: level,
        dims: job.dims,
        besideChannels: 3,
        signal,
      }),
    );
    return { warnings, predict, beside: lowResolution(model.model, job.inputs.image as Pixels, level) };
  },

  codec: vaeCodec(({ model }) => scaledBy(model.traits.scalingFactor)),
};
