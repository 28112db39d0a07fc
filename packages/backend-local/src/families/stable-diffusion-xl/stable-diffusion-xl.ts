import { partOf } from "../../models/model.ts";
import { buildClipText } from "../../networks/clip-text/clip-text.ts";
import { buildUNet } from "../../networks/unet-2d-condition/unet-2d-condition.ts";
import type { FamilyEngine, FamilyJob, OpenModel } from "../family.ts";
import { encodeTexts } from "../shared/encode-texts.ts";
import { besideEachOther } from "../shared/rows.ts";
import { clipSkipWarnings, skippedLayers } from "../shared/skipped-layers.ts";
import type { Condition } from "../shared/steered-passes.ts";
import { unetDenoiser, unetOf } from "../shared/unet-denoiser.ts";
import { vaeCodec } from "../shared/vae-codec.ts";
import { needsVaeEncoder, vaeNetworks } from "../shared/vae-networks.ts";
import { channelScaling } from "./channel-scaling.ts";
import { type XLConfig, xlConfig } from "./stable-diffusion-xl-config.ts";
import { timeIds } from "./time-ids.ts";
import { xlOptionWarnings } from "./xl-options.ts";

const codec = vaeCodec(({ model }) => channelScaling(partOf(model, "vae"), model.traits.latentChannels));

/**
 * Stable Diffusion XL: the last but one states of two CLIP text encoders side by side, the second's pooled text and the
 * picture's sizes, in a UNet over a VAE's latents. The refiner has the second encoder alone and an aesthetic score.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildClipText },
    textEncoder2: { part: "textEncoder2", build: buildClipText },
    unet: { part: "unet", build: buildUNet },
    ...vaeNetworks,
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
    const { conditions, warnings } = await encode(model, job, config, signal);
    const guidanceSize = config.unet.time_cond_proj_dim;
    return unetDenoiser(model, job, { kind: config.kind, codec, conditions, warnings, guidanceSize }, signal);
  },

  codec,
};

/** What the UNet is shown for each of the steering's rows. */
async function encode(model: OpenModel, job: FamilyJob, config: XLConfig, signal: AbortSignal) {
  const { steering } = job;
  const statesOf = (layers: number) => (negative: boolean) =>
    `hidden_states.${layers - 1 - skippedLayers(job, negative, true)}`;
  const second = await encodeTexts(
    model,
    steering,
    {
      network: "textEncoder2",
      tokenizer: "tokenizer2",
      states: statesOf(config.textEncoder2.num_hidden_layers),
      pooled: "text_embeds",
    },
    signal,
  );
  const first =
    config.textEncoder &&
    (await encodeTexts(
      model,
      steering,
      {
        network: "textEncoder",
        tokenizer: "tokenizer",
        states: statesOf(config.textEncoder.num_hidden_layers),
      },
      signal,
    ));
  const blank = zeroesUncond(model, job);
  const conditions = steering.rows.map(({ negative }, i): Condition => {
    const states = first ? besideEachOther(first.states[i]!, second.states[i]!) : second.states[i]!;
    const texts = { encoder_hidden_states: states, text_embeds: second.pooled[i]! };
    const { encoder_hidden_states, text_embeds } = negative && blank ? zeros(texts) : texts;
    return { encoder_hidden_states, text_embeds, time_ids: timeIds(job, config.timeIds, negative) };
  });
  // Both encoders cut a text at the same place.
  return {
    conditions,
    warnings: [
      ...(first ?? second).warnings,
      ...clipSkipWarnings(job, true),
      ...xlOptionWarnings(job.request, config.timeIds),
    ],
  };
}

/**
 * Whether the negative prompt's states are zeros: in diffusers where none was given at all, unless the pipeline's index says otherwise; in
 * A1111 where it is empty; in ComfyUI never.
 */
function zeroesUncond({ model: { index } }: OpenModel, { request, steering }: FamilyJob): boolean {
  const negative = "negativePrompt" in request ? request.negativePrompt : undefined;
  if (steering.syntax === "comfyui") return false;
  if (steering.syntax === "a1111") return (negative ?? "") === "";
  return negative === undefined && index.force_zeros_for_empty_prompt !== false;
}

function zeros<T extends Condition>(condition: T): T {
  const each = Object.entries(condition).map(([name, { data, dims }]) => [
    name,
    { data: new Float32Array(data.length), dims },
  ]);
  return Object.fromEntries(each) as T;
}
