import { partOf } from "../../models/model.ts";
import { buildClipText } from "../../networks/clip-text/clip-text.ts";
import { clipTextConfig } from "../../networks/clip-text/clip-text-config.ts";
import { buildUNet } from "../../networks/unet-2d-condition/unet-2d-condition.ts";
import { unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import type { FamilyEngine } from "../family.ts";
import { encodeTexts } from "../shared/encode-texts.ts";
import { scaledBy } from "../shared/kl-codec.ts";
import { clipSkipWarnings, skippedLayers } from "../shared/skipped-layers.ts";
import { unetDenoiser, unetOf } from "../shared/unet-denoiser.ts";
import { unetKind } from "../shared/unet-kind.ts";
import { vaeCodec } from "../shared/vae-codec.ts";
import { needsVaeEncoder, vaeNetworks } from "../shared/vae-networks.ts";

const codec = vaeCodec(({ model }) => scaledBy(model.traits.scalingFactor));

/** Stable Diffusion 1 and 2: a CLIP text encoder's last states, attended to by a UNet over a VAE's latents. */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildClipText },
    unet: { part: "unet", build: buildUNet },
    ...vaeNetworks,
  },

  needs: (job) => ["textEncoder", unetOf(job), "vaeDecoder", ...needsVaeEncoder(job)],

  async open(model, job, signal) {
    const { num_hidden_layers: layers } = clipTextConfig(partOf(model.model, "textEncoder").config);
    const penultimate = layers === layersOfSD2;
    const encoder = {
      network: "textEncoder",
      tokenizer: "tokenizer",
      states: (negative: boolean) => statesWithout(skippedLayers(job, negative, penultimate)),
    };
    const { states, warnings: told } = await encodeTexts(model, job.steering, encoder, signal);
    const warnings = [...told, ...clipSkipWarnings(job, penultimate)];
    const conditions = states.map((each) => ({ encoder_hidden_states: each }));
    const unet = partOf(model.model, "unet");
    const net = unetConfig(unet.config);
    const kind = unetKind(unet, net, job.dims[0]);
    const guidanceSize = net.time_cond_proj_dim;
    return unetDenoiser(model, job, { kind, codec, conditions, warnings, guidanceSize }, signal);
  },

  codec,
};

/** OpenCLIP ViT-H/14 without its last layer: how Stable Diffusion 2's encoder is saved. */
const layersOfSD2 = 23;

/** The encoder's last states, or those without its last layers, after its last norm. */
function statesWithout(layers: number): string {
  return layers > 0 ? `clip_skip.${layers}` : "last_hidden_state";
}
