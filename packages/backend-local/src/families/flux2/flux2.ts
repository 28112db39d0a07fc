import type { Tensor } from "onnxruntime-node";
import { partOf } from "../../models/model.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../../networks/autoencoder-kl/autoencoder-kl.ts";
import { buildFlux2References, buildFlux2Transformer } from "../../networks/flux2-transformer/flux2-transformer.ts";
import { flux2Config } from "../../networks/flux2-transformer/flux2-transformer-config.ts";
import { buildQwen3 } from "../../networks/qwen3/qwen3.ts";
import { qwen3Config } from "../../networks/qwen3/qwen3-config.ts";
import { qwen3Template } from "../../prompts/chat-template.ts";
import type { TextTokenizer } from "../../prompts/text-tokenizer.ts";
import type { FamilyEngine, FamilyJob, NetworkChoice, OpenModel } from "../family.ts";
import { encodeChats } from "../shared/chat-encoder.ts";
import { flux2Codec, turned } from "../shared/flux2-codec.ts";
import { type ReferenceTokens, referenceTokens } from "../shared/flux2-references.ts";
import { qwen3Rotary } from "../shared/qwen3-rotary.ts";
import { onGrid, type RotaryOptions, rotaryTables } from "../shared/rotary-tables.ts";
import type { Rows } from "../shared/rows.ts";
import { scaleWarnings } from "../shared/scale-warnings.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, type Pass, toFeeds } from "../shared/transformer-passes.ts";
import { cachesReferences } from "./flux2-options.ts";
import { textStates } from "./flux2-traits.ts";

/**
 * FLUX.2 klein: three of Qwen3's states side by side, filled up to 512 tokens whose padding counts; the picture, and after it the reference
 * pictures, in one sequence with them. A token is a block of 2×2 of the VAE's latents. klein KV's reference pictures attend to themselves alone, as at time
 * 0: their keys and values are made once for all steps. Where a part of a picture is painted anew, the whole is the first reference.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: {
      part: "textEncoder",
      build: (config, weights, options) => buildQwen3(config, weights, { ...options, states: textStates }),
    },
    references: { part: "transformer", build: buildFlux2References, preparesFor: "transformer" },
    transformer: { part: "transformer", build: buildFlux2Transformer },
    vaeDecoder: { part: "vae", build: buildVaeDecoder },
    vaeEncoder: { part: "vae", build: buildVaeEncoder },
  },

  needs: (job, model) => [
    ...["textEncoder", ...(caches(job, model) ? ["references"] : [])],
    ...[transformer(job, model), "vaeDecoder"],
    ...(job.inputs.image === undefined && !refers(job) ? [] : ["vaeEncoder"]),
  ],

  async open(model, job, signal) {
    const { steering, dims } = job;
    const { axes_dims_rope: axes, rope_theta: theta } = flux2Config(partOf(model.model, "transformer").config);
    const rotary = qwen3Rotary(qwen3Config(partOf(model.model, "textEncoder").config));
    const encoder = {
      network: "textEncoder",
      tokenizer: "tokenizer",
      template: qwen3Template(false),
      rotary,
      filledTo: (_: number, { length }: TextTokenizer) => length,
    };
    const { states, warnings } = await encodeChats(model, steering, encoder, signal);
    // Time, row, column, place in the text; the picture is at time 0, references at 10, 20 …
    const at = (rows: number, columns: number, time: number) => onGrid(rows, columns, [time], [0]);
    const shown = { ...job, inputs: { ...job.inputs, references: referencesOf(job) } };
    const references = await referenceTokens(model, shown, (h, w, i) => at(h, w, 10 * (i + 1)), signal);
    const options = { axes, theta, precision: "double" } as const;
    const isCached = caches(job, model.model);
    const kept = isCached ? await keysAndValues(model, references, options, signal) : {};
    const network = await model.network(transformer(job, model.model));

    const [channels, height, width] = dims;
    const squares = height * width;
    const places = [...at(height, width, 0), ...(isCached ? [] : references.places)];
    const image = rotaryTables(places, options);
    const conditions = states.map((text): Condition => {
      const words = Array.from({ length: text.dims[1]! }, (_, i) => [0, 0, 0, i]);
      const { cos, sin } = rotaryTables(words, options);
      return { text, text_cos: cos, text_sin: sin, image_cos: image.cos, image_sin: image.sin };
    });
    const tokens = new Float32Array(places.length * channels);
    if (!isCached) tokens.set(references.tokens.data, squares * channels);
    const pass: Pass = async (latent, timestep, condition) => {
      tokens.set(turned(latent, channels, squares));
      const rows: Rows = { data: tokens, dims: [1, places.length, channels] };
      const time: Rows = { data: Float32Array.of(timestep), dims: [1] };
      const feeds = { ...toFeeds(model.runtime, { ...condition, image: rows, timestep: time }), ...kept };
      const { data } = await network.run(feeds, "velocity", signal);
      return turned((data as Float32Array).subarray(0, squares * channels), squares, channels);
    };
    const predict = steeredPasses(steering, conditions, (each) => onePassEach(each, pass));
    // The latents are the distribution: nothing is drawn from it.
    const encoded = isInpainted(job) ? references.latents[0] : undefined;
    return { warnings: [...warnings, ...scaleWarnings(model, job)], predict, ...(encoded && { encoded }) };
  },

  codec: flux2Codec,
};

function isInpainted({ inputs: { image, mask } }: FamilyJob): boolean {
  return image !== undefined && mask !== undefined;
}

/** Pictures that are shown beside the one that is drawn: an inpainting's own is the first. */
function referencesOf(job: FamilyJob) {
  const { image, references = [] } = job.inputs;
  return isInpainted(job) ? [image!, ...references] : references;
}

function refers(job: FamilyJob): boolean {
  return referencesOf(job).length > 0;
}

function caches(job: FamilyJob, model: OpenModel["model"]): boolean {
  return refers(job) && cachesReferences(job.request, model);
}

function transformer(job: FamilyJob, model: OpenModel["model"]): NetworkChoice {
  return caches(job, model) ? { network: "transformer", references: true } : "transformer";
}

/** What reference pictures are to a picture in each block. */
async function keysAndValues(
  model: OpenModel,
  { tokens, places }: ReferenceTokens,
  options: RotaryOptions,
  signal: AbortSignal,
): Promise<Record<string, Tensor>> {
  const { cos, sin } = rotaryTables(places, options);
  const feeds = toFeeds(model.runtime, { reference: tokens, reference_cos: cos, reference_sin: sin });
  const network = await model.network("references");
  const names = network.graph.outputs.map(({ name }) => name);
  const found = await network.runAll(feeds, names, signal);
  return Object.fromEntries(names.map((name, i) => [name, found[i]!]));
}
