import { partOf } from "../../models/model.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../../networks/autoencoder-kl/autoencoder-kl.ts";
import { buildClipText } from "../../networks/clip-text/clip-text.ts";
import { buildUNet } from "../../networks/unet-2d-condition/unet-2d-condition.ts";
import type { FamilyEngine, FamilyJob, OpenModel } from "../family.ts";
import { clipStates } from "../shared/clip-states.ts";
import { klCodec } from "../shared/kl-codec.ts";
import { besideEachOther, type Rows } from "../shared/rows.ts";
import { textsOf } from "../shared/texts.ts";
import { needsVaeEncoder, unetDenoiser, unetOf } from "../shared/unet-denoiser.ts";
import { channelScaling } from "./channel-scaling.ts";
import { type XLConfig, xlConfig } from "./stable-diffusion-xl-config.ts";
import { timeIds } from "./time-ids.ts";

const codec = klCodec(({ model }) => channelScaling(partOf(model, "vae"), model.traits.latentChannels));

/**
 * Stable Diffusion XL: the last but one states of two CLIP text encoders side by side, the second's pooled text and the
 * picture's sizes, in a UNet over a VAE's latents. The refiner has the second encoder alone and an aesthetic score.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildClipText },
    textEncoder2: { part: "textEncoder2", build: buildClipText },
    unet: { part: "unet", build: buildUNet },
    vaeDecoder: { part: "vae", build: buildVaeDecoder },
    vaeEncoder: { part: "vae", build: buildVaeEncoder },
  },

  needs: (job, { parts }) => [
    ...(parts.textEncoder ? ["textEncoder"] : []),
    "textEncoder2",
    unetOf(job),
    "vaeDecoder",
    ...needsVaeEncoder(job),
  ],

  async open(model, job, signal) {
    const config = xlConfig(model.model);
    const { states, pooled, warnings } = await encodeTexts(model, job, config, signal);
    const rows = { encoder_hidden_states: states, text_embeds: pooled, time_ids: timeIds(job, config.timeIds) };
    const guidanceSize = config.unet.time_cond_proj_dim;
    return unetDenoiser(model, job, { kind: config.kind, codec, rows, warnings, guidanceSize }, signal);
  },

  codec,
};

async function encodeTexts(model: OpenModel, job: FamilyJob, config: XLConfig, signal: AbortSignal) {
  const texts = textsOf(job);
  const { clipSkip } = job.settings;
  const layer = (layers: number) => `hidden_states.${layers - clipSkip}`;
  const second = await clipStates(
    model,
    texts,
    {
      network: "textEncoder2",
      tokenizer: "tokenizer2",
      outputs: [layer(config.textEncoder2.num_hidden_layers), "text_embeds"],
    },
    signal,
  );
  let [states, pooled] = second.outputs as [Rows, Rows];
  let { warnings } = second;
  if (config.textEncoder) {
    const outputs = [layer(config.textEncoder.num_hidden_layers)];
    const first = await clipStates(model, texts, { network: "textEncoder", tokenizer: "tokenizer", outputs }, signal);
    states = besideEachOther(first.outputs[0]!, states);
    // Both cut a text at the same place.
    warnings = first.warnings;
  }
  return zeroesUncond(model, job)
    ? { states: zeroFirst(states), pooled: zeroFirst(pooled), warnings }
    : { states, pooled, warnings };
}

/** Where no negative prompt was given at all, its states are zeros; an empty one is encoded. The pipelines' default is true. */
function zeroesUncond({ model: { index } }: OpenModel, { request, guided }: FamilyJob): boolean {
  const asked = "negativePrompt" in request && request.negativePrompt !== undefined;
  return guided && !asked && index.force_zeros_for_empty_prompt !== false;
}

function zeroFirst({ data, dims }: Rows): Rows {
  return { data: data.slice().fill(0, 0, data.length / dims[0]!), dims };
}
