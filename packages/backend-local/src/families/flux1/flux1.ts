import {
  controlledTransformer,
  isControlled,
  transformerControls,
} from "../../adapters/control/transformer-controls.ts";
import { buildClipText } from "../../networks/clip-text/clip-text.ts";
import { buildFluxTransformer } from "../../networks/flux-transformer/flux-transformer.ts";
import { buildT5Encoder } from "../../networks/t5-encoder/t5-encoder.ts";
import type { FamilyEngine, FamilyJob, OpenModel } from "../family.ts";
import { controlledSteps } from "../shared/controlled-steps.ts";
import { encodeTexts } from "../shared/encode-texts.ts";
import { shiftedBy } from "../shared/kl-codec.ts";
import { fluxColours } from "../shared/latent-colours.ts";
import { fromPatches, toPatches } from "../shared/latent-patches.ts";
import { encodeReferences, inOneRow } from "../shared/reference-latents.ts";
import { onGrid, type Positions, rotaryTables } from "../shared/rotary-tables.ts";
import type { Rows } from "../shared/rows.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { encodeT5 } from "../shared/t5-texts.ts";
import { onePassEach, type Pass, toFeeds } from "../shared/transformer-passes.ts";
import { vaeCodec } from "../shared/vae-codec.ts";
import { needsVaeEncoder, vaeNetworks } from "../shared/vae-networks.ts";
import { fillChannels } from "./fill-channels.ts";
import { fluxOf } from "./flux1-kind.ts";
import { flux1Warnings } from "./flux1-options.ts";

const codec = vaeCodec(
  ({ model: { traits } }) => shiftedBy(traits.shiftFactor ?? 0, traits.scalingFactor),
  fluxColours,
);

/**
 * FLUX.1: T5's states and CLIP's view of the whole text beside the picture's tokens, over latents of 16 channels. The scale of guidance is an input of
 * the network (dev) or nothing (schnell). Kontext sees a reference picture after the picture, Fill the masked picture and the mask in each token.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildClipText },
    textEncoder2: { part: "textEncoder2", build: buildT5Encoder },
    transformer: { part: "transformer", build: buildFluxTransformer },
    ...vaeNetworks,
  },

  needs: (job, model) => [
    ...["textEncoder", "textEncoder2", controlledTransformer(job, model), "vaeDecoder"],
    ...(job.inputs.references === undefined && !isControlled(job) ? needsVaeEncoder(job) : ["vaeEncoder"]),
  ],

  async open(model, job, signal) {
    const { steering, dims, settings, request } = job;
    const { axes_dims_rope: axes, guidance_embeds: takesScale, in_channels } = fluxOf(model.model);
    const clip = {
      network: "textEncoder",
      tokenizer: "tokenizer",
      states: () => "last_hidden_state",
      pooled: "pooler_output",
    };
    // What CLIP has no room for, T5 reads.
    const { pooled } = await encodeTexts(model, steering, clip, signal);
    const texts = { network: "textEncoder2", tokenizer: "tokenizer2" };
    const { states, warnings } = await encodeT5(model, steering, texts, signal);
    const fills = in_channels > 4 * dims[0];
    const beside = fills ? await fillChannels(model, codec, job, signal) : undefined;
    const reference = await encodeReference(model, job, signal);
    const [rows, columns] = [dims[1] / 2, dims[2] / 2];
    const tokens = rows * columns;
    const shown = (latent: Float32Array): Rows => ({
      data: toPatches(latent, dims, "channels first"),
      dims: [1, tokens, 4 * dims[0]],
    });
    const controls = await transformerControls(model, job, { codec, shown }, signal);
    const transformer = await model.network(controlledTransformer(job, model.model));

    const options = { axes, theta: 10_000, precision: "double" } as const;
    const image = rotaryTables([...onGrid(rows, columns, [0]), ...reference.places], options);
    const conditions = states.map((text, i): Condition => {
      const { cos, sin } = rotaryTables(new Array(text.dims[1]).fill([0, 0, 0]) as Positions, options);
      const angles = { text_cos: cos, text_sin: sin, image_cos: image.cos, image_sin: image.sin };
      return { text, pooled: pooled[i]!, ...angles };
    });
    const channels = in_channels / 4;
    const guidance: Condition = { guidance: number(Math.fround(settings.guidanceScale) * 1000) };
    const timeOf = (timestep: number) => number(Math.fround(Math.fround(timestep / 1000) * 1000));
    const pass: Pass = async (latent, timestep, condition, more) => {
      const all = more === undefined || !fills ? latent : Float32Array.from([...latent, ...more]);
      const seen = toPatches(all, [channels, dims[1], dims[2]], "channels first");
      const sequence = new Float32Array(seen.length + reference.tokens.length);
      sequence.set(seen);
      sequence.set(reference.tokens, seen.length);
      const image: Rows = { data: sequence, dims: [1, tokens + reference.places.length, in_channels] };
      const own = { ...condition, ...(takesScale && guidance), image, timestep: timeOf(timestep) };
      const feeds = { ...toFeeds(model.runtime, own), ...controls?.last };
      const { data } = await transformer.run(feeds, "velocity", signal);
      return fromPatches(data as Float32Array, dims, "channels first");
    };
    const predict = steeredPasses(steering, conditions, (each) => onePassEach(each, pass));
    return {
      warnings: [...warnings, ...flux1Warnings(request, takesScale)],
      ...(beside && { beside, blends: false, drawsPicture: true }),
      ...(controls && { beside: controls.beside }),
      predict: controlledSteps(predict, {
        ...{ runtime: model.runtime, steering, controls },
        seen: (latent, timestep, row) => ({
          ...conditions[row],
          ...{ ...guidance, image: shown(latent), timestep: timeOf(timestep) },
        }),
      }),
    };
  },

  codec,
};

/** A number `[1]`, rounded to single precision. */
function number(value: number): Rows {
  return { data: Float32Array.of(value), dims: [1] };
}

/** A reference picture's tokens, and their places: beside the picture's on the first axis. */
async function encodeReference(model: OpenModel, job: FamilyJob, signal: AbortSignal) {
  const encoded = await encodeReferences(model, codec, job, signal);
  return {
    tokens: inOneRow(encoded.map(({ latent, dims }) => toPatches(latent, dims, "channels first"))),
    places: encoded.flatMap(({ dims: [, height, width] }) => onGrid(height / 2, width / 2, [1])),
  };
}
