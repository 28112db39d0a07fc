import { buildVaeDecoder, buildVaeEncoder } from "../../networks/autoencoder-kl/autoencoder-kl.ts";
import { buildClipText } from "../../networks/clip-text/clip-text.ts";
import { buildUNet } from "../../networks/unet-2d-condition/unet-2d-condition.ts";
import type { FamilyEngine, FamilyJob } from "../family.ts";
import { clipStates } from "../shared/clip-states.ts";
import { klCodec } from "../shared/kl-codec.ts";
import { textsOf } from "../shared/texts.ts";
import { unetPasses } from "../shared/unet-passes.ts";

/** Stable Diffusion 1 and 2: a CLIP text encoder's last states, attended to by a UNet over a VAE's latents. */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildClipText },
    unet: { part: "unet", build: buildUNet },
    vaeDecoder: { part: "vae", build: buildVaeDecoder },
    vaeEncoder: { part: "vae", build: buildVaeEncoder },
  },

  needs: (job) => ["textEncoder", unetOf(job), "vaeDecoder", ...(job.inputs.image === undefined ? [] : ["vaeEncoder"])],

  async open(model, job, signal) {
    const { clipSkip } = job.settings;
    const output = clipSkip > 1 ? `clip_skip.${clipSkip - 1}` : "last_hidden_state";
    const encoder = { network: "textEncoder", tokenizer: "tokenizer", outputs: [output] };
    const { outputs, warnings } = await clipStates(model, textsOf(job), encoder, signal);
    const choice = unetOf(job);
    const predict = unetPasses({
      unet: await model.network(choice),
      perturbs: choice !== "unet",
      runtime: model.runtime,
      rows: { encoder_hidden_states: outputs[0]! },
      dims: job.dims,
      signal,
    });
    return { warnings, predict };
  },

  codec: klCodec,
};

/** The UNet as it is, unless some step looks at a perturbed pass. */
function unetOf({ perturbedLayers }: FamilyJob) {
  return perturbedLayers === undefined ? "unet" : { network: "unet", perturbedLayers };
}
