import { controlledTransformer, isControlled } from "../../adapters/control/transformer-controls.ts";
import { partOf } from "../../models/model.ts";
import { buildClipText } from "../../networks/clip-text/clip-text.ts";
import { clipTextConfig } from "../../networks/clip-text/clip-text-config.ts";
import { sd3Config } from "../../networks/sd3-transformer/sd3-config.ts";
import { buildSD3Transformer } from "../../networks/sd3-transformer/sd3-transformer.ts";
import { buildT5Encoder } from "../../networks/t5-encoder/t5-encoder.ts";
import type { FamilyEngine, FamilyJob, OpenModel } from "../family.ts";
import { encodeTexts } from "../shared/encode-texts.ts";
import { shiftedBy } from "../shared/kl-codec.ts";
import { sd3Colours } from "../shared/latent-colours.ts";
import { fromPatches } from "../shared/latent-patches.ts";
import { besideEachOther, type Rows } from "../shared/rows.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { encodeT5 } from "../shared/t5-texts.ts";
import { onePassEach, type Pass, toFeeds } from "../shared/transformer-passes.ts";
import { vaeCodec } from "../shared/vae-codec.ts";
import { needsVaeEncoder, vaeNetworks } from "../shared/vae-networks.ts";
import { sd3Controls } from "./stable-diffusion-3-controls.ts";
import { t5Tokens } from "./stable-diffusion-3-traits.ts";

const codec = vaeCodec(({ model: { traits } }) => shiftedBy(traits.shiftFactor ?? 0, traits.scalingFactor), sd3Colours);

/**
 * Stable Diffusion 3: the last but one states of two CLIP text encoders side by side, and after them T5's, beside the picture's tokens, and CLIP's views of
 * the whole text; over latents of 16 channels.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: { part: "textEncoder", build: buildClipText },
    textEncoder2: { part: "textEncoder2", build: buildClipText },
    textEncoder3: { part: "textEncoder3", build: buildT5Encoder },
    transformer: { part: "transformer", build: buildSD3Transformer },
    ...vaeNetworks,
  },

  needs: (job, model) => [
    ...["textEncoder", "textEncoder2"],
    ...(model.parts.textEncoder3 ? ["textEncoder3"] : []),
    ...[controlledTransformer(job, model), "vaeDecoder"],
    ...(isControlled(job) ? ["vaeEncoder"] : needsVaeEncoder(job)),
  ],

  async open(model, job, signal) {
    const { steering, dims } = job;
    const { pos_embed_max_size: side, joint_attention_dim: width } = sd3Config(
      partOf(model.model, "transformer").config,
    );
    const { conditions, warnings } = await encode(model, job, width, signal);
    const controls = await sd3Controls(model, job, codec, signal);
    const transformer = await model.network(controlledTransformer(job, model.model));

    const [rows, columns] = [dims[1] / 2, dims[2] / 2];
    // The picture is the middle of the largest one.
    const [top, left] = [Math.floor((side - rows) / 2), Math.floor((side - columns) / 2)];
    const places = Int32Array.from(
      { length: rows * columns },
      (_, i) => (top + Math.floor(i / columns)) * side + left + (i % columns),
    );
    const pass: Pass = async (latent, timestep, condition, drawn, index) => {
      const time: Rows = { data: Float32Array.of(timestep), dims: [1] };
      const sample: Rows = { data: latent, dims: [1, ...dims] };
      const feeds = {
        ...toFeeds(model.runtime, { ...condition, sample, timestep: time }),
        places: new model.runtime.Tensor("int32", places, [places.length]),
      };
      const added = await controls?.added(index, feeds, drawn!);
      const { data } = await transformer.run({ ...feeds, ...added }, "velocity", signal);
      return fromPatches(data as Float32Array, dims, "squares first");
    };
    return {
      warnings,
      ...(controls && { beside: controls.beside }),
      predict: steeredPasses(steering, conditions, (each) => onePassEach(each, pass)),
    };
  },

  codec,
};

/** What the transformer is shown for each of the steering's rows: CLIP's states, filled up with zeros to T5's width, then T5's. */
async function encode(model: OpenModel, { steering }: FamilyJob, width: number, signal: AbortSignal) {
  const by = (network: string, tokenizer: string) => {
    const { num_hidden_layers: layers } = clipTextConfig(partOf(model.model, network).config);
    const states = () => `hidden_states.${layers - 1}`;
    return encodeTexts(model, steering, { network, tokenizer, states, pooled: "text_embeds" }, signal);
  };
  const [first, second] = [await by("textEncoder", "tokenizer"), await by("textEncoder2", "tokenizer2")];
  const has3 = model.model.parts.textEncoder3 !== undefined;
  const t5 = has3
    ? await encodeT5(model, steering, { network: "textEncoder3", tokenizer: "tokenizer3" }, signal)
    : { states: steering.rows.map(() => nothing(width)), warnings: first.warnings };
  const conditions = t5.states.map((words, i): Condition => {
    const clip = besideEachOther(first.states[i]!, second.states[i]!);
    return { text: after(clip, words), pooled: besideEachOther(first.pooled[i]!, second.pooled[i]!) };
  });
  return { conditions, warnings: t5.warnings };
}

function nothing(width: number): Rows {
  return { data: new Float32Array(t5Tokens * width), dims: [1, t5Tokens, width] };
}

/** Rows of tokens after others that are narrower: these are filled up with zeros. */
function after({ data, dims: [, count, narrow] }: Rows, { data: more, dims: [, added, width] }: Rows): Rows {
  const all = new Float32Array((count! + added!) * width!);
  for (let i = 0; i < count!; i++) all.set(data.subarray(i * narrow!, (i + 1) * narrow!), i * width!);
  all.set(more, count! * width!);
  return { data: all, dims: [1, count! + added!, width!] };
}
