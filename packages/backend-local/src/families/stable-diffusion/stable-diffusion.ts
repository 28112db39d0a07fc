import { partOf } from "../../models/model.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../../networks/autoencoder-kl/autoencoder-kl.ts";
import { buildClipText } from "../../networks/clip-text/clip-text.ts";
import { buildUNet } from "../../networks/unet-2d-condition/unet-2d-condition.ts";
import { unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import type { FamilyEngine } from "../family.ts";
import { clipStates } from "../shared/clip-states.ts";
import { klCodec, scaledBy } from "../shared/kl-codec.ts";
import { textsOf } from "../shared/texts.ts";
import { needsVaeEncoder, unetDenoiser, unetOf } from "../shared/unet-denoiser.ts";
import { unetKind } from "../shared/unet-kind.ts";

const codec = klCodec(({ model }) => scaledBy(model.traits.scalingFactor));

/** Stable Diffusion 1 and 2: a CLIP text encoder's last states, attended to by a UNet over a VAE's latents. */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildClipText },
    unet: { part: "unet", build: buildUNet },
    vaeDecoder: { part: "vae", build: buildVaeDecoder },
    vaeEncoder: { part: "vae", build: buildVaeEncoder },
  },

  needs: (job) => ["textEncoder", unetOf(job), "vaeDecoder", ...needsVaeEncoder(job)],

  async open(model, job, signal) {
    const { clipSkip } = job.settings;
    const output = clipSkip > 1 ? `clip_skip.${clipSkip - 1}` : "last_hidden_state";
    const encoder = { network: "textEncoder", tokenizer: "tokenizer", outputs: [output] };
    const { outputs, warnings } = await clipStates(model, textsOf(job), encoder, signal);
    const unet = partOf(model.model, "unet");
    const net = unetConfig(unet.config);
    const kind = unetKind(unet, net, job.dims[0]);
    const rows = { encoder_hidden_states: outputs[0]! };
    return unetDenoiser(model, job, { kind, codec, rows, warnings, guidanceSize: net.time_cond_proj_dim }, signal);
  },

  codec,
};
