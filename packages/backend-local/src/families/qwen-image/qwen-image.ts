import {
  controlledTransformer,
  isControlled,
  transformerControls,
} from "../../adapters/control/transformer-controls.ts";
import { partOf } from "../../models/model.ts";
import { qwenImageConfig } from "../../networks/qwen-image-transformer/qwen-image-config.ts";
import { buildQwenImageTransformer } from "../../networks/qwen-image-transformer/qwen-image-transformer.ts";
import { buildQwen25VL } from "../../networks/qwen2-5-vl/qwen2-5-vl.ts";
import { qwen25VLConfig } from "../../networks/qwen2-5-vl/qwen2-5-vl-config.ts";
import { buildQwen25VLVision } from "../../networks/qwen2-5-vl/qwen2-5-vl-vision.ts";
import { qwenEditTemplate, qwenImageTemplate } from "../../prompts/chat-template.ts";
import type { FamilyEngine, FamilyJob, OpenModel } from "../family.ts";
import { type ChatEncoder, encodeChats } from "../shared/chat-encoder.ts";
import { controlledSteps } from "../shared/controlled-steps.ts";
import { lengthOfTokens } from "../shared/guided-length.ts";
import { fromPatches, toPatches } from "../shared/latent-patches.ts";
import { qwenVaeCodec, qwenVaeNetworks } from "../shared/qwen-vae-codec.ts";
import { pictureRotary, qwen3Rotary } from "../shared/qwen3-rotary.ts";
import { qwen25VLSight } from "../shared/qwen25-vl-sight.ts";
import { encodeReferences, inOneRow } from "../shared/reference-latents.ts";
import { aroundMiddle, rotaryTables } from "../shared/rotary-tables.ts";
import type { Rows } from "../shared/rows.ts";
import { seePictures } from "../shared/seen-pictures.ts";
import { type Condition, steeredPasses } from "../shared/steered-passes.ts";
import { onePassEach, type Pass, timestepRow, toFeeds } from "../shared/transformer-passes.ts";
import { needsVaeEncoder } from "../shared/vae-networks.ts";
import { dropped, qwenImageKind } from "./qwen-image-kind.ts";

/**
 * Qwen-Image: the last states of Qwen2.5-VL, which is asked to describe a picture, beside the picture's tokens, over the latents of a VAE for films.
 * Qwen-Image-Edit's is shown the pictures to edit, whose latents stand in the sequence after the picture's. Guidance keeps the length of each token's
 * prediction.
 */
export const engine: FamilyEngine = {
  networks: {
    textEncoder: {
      part: "textEncoder",
      build: (config, weights, options) =>
        buildQwen25VL(config, weights, { ...options, ...(isEditor(options) && { sees: 0 }) }),
    },
    vision: { part: "textEncoder", build: buildQwen25VLVision, serves: isEditor },
    transformer: { part: "transformer", build: buildQwenImageTransformer },
    ...qwenVaeNetworks,
  },

  needs: (job, model) => [
    ...(isEditor(model) ? ["vision"] : []),
    ...["textEncoder", controlledTransformer(job, model), "vaeDecoder"],
    ...(isEditor(model) || isControlled(job) ? ["vaeEncoder"] : needsVaeEncoder(job)),
  ],

  async open(model, job, signal) {
    const { steering, dims } = job;
    const config = qwenImageConfig(partOf(model.model, "transformer").config);
    const { states, warnings } = await encodeChats(model, steering, await encoderOf(model, job, signal), signal);
    const references = await encodeReferences(model, qwenVaeCodec, job, signal);
    const rowsOf = (latent: Float32Array): Rows => ({
      data: toPatches(latent, dims, "channels first"),
      dims: [1, (dims[1] * dims[2]) / 4, 4 * dims[0]],
    });
    const controls = await transformerControls(model, job, { codec: qwenVaeCodec, shown: rowsOf }, signal);
    const transformer = await model.network(controlledTransformer(job, model.model));

    const options = { axes: config.axes_dims_rope, theta: 10_000, precision: "single" } as const;
    // Rows and columns of tokens.
    const grids = [dims, ...references.map((each) => each.dims)].map(
      ([, height, width]) => [height / 2, width / 2] as const,
    );
    const image = rotaryTables(
      grids.flatMap(([rows, columns], i) => aroundMiddle(rows, columns, i)),
      options,
    );
    const first = Math.max(...grids.flat().map((side) => Math.floor(side / 2)));
    const conditions = states.map((text): Condition => {
      const words = Array.from({ length: text.dims[1]! }, (_, i) => [first + i, first + i, first + i]);
      const { cos, sin } = rotaryTables(words, options);
      return { text, text_cos: cos, text_sin: sin, image_cos: image.cos, image_sin: image.sin };
    });
    const shown = inOneRow(references.map(({ latent, dims: own }) => toPatches(latent, own, "channels first")));
    const [tokens, count] = [(dims[1] * dims[2]) / 4, image.cos.dims[0]!];
    const isReference = Uint8Array.from({ length: count }, (_, i) => (i < tokens ? 0 : 1));
    const { Tensor } = model.runtime;
    const pass: Pass = async (latent, timestep, condition) => {
      const data = inOneRow([toPatches(latent, dims, "channels first"), shown]);
      const feeds = {
        ...toFeeds(model.runtime, {
          ...condition,
          image: { data, dims: [1, count, config.in_channels] },
          timestep: timestepRow(timestep),
        }),
        ...controls?.last,
        ...(config.zero_cond_t && { is_reference: new Tensor("bool", isReference, [1, count, 1]) }),
      };
      const { data: velocity } = await transformer.run(feeds, "velocity", signal);
      return fromPatches(velocity as Float32Array, dims, "channels first");
    };
    const predict = steeredPasses(steering, conditions, (each) => onePassEach(each, pass));
    return {
      warnings,
      ...(controls && { beside: controls.beside }),
      predict: controlledSteps(predict, {
        ...{ runtime: model.runtime, steering, controls },
        seen: (latent, timestep, row) => ({
          ...conditions[row],
          ...{ image: rowsOf(latent), timestep: timestepRow(timestep) },
        }),
      }),
      afterGuidance: (guided, cond) => lengthOfTokens(guided, cond, dims),
    };
  },

  codec: qwenVaeCodec,
};

function isEditor(model: Parameters<typeof qwenImageKind>[0]): boolean {
  return qwenImageKind(model) !== "plain";
}

/** The text encoder, with the pictures that it is shown. */
async function encoderOf(
  model: OpenModel,
  { inputs: { seen = [] } }: FamilyJob,
  signal: AbortSignal,
): Promise<ChatEncoder> {
  const { config } = partOf(model.model, "textEncoder");
  const text = qwen25VLConfig(config);
  const kind = qwenImageKind(model.model);
  const encoder = {
    ...{ network: "textEncoder", tokenizer: "tokenizer", drops: dropped[kind] },
    rotary: pictureRotary(text, "after each other"),
  };
  if (kind === "plain") return { ...encoder, template: qwenImageTemplate, rotary: qwen3Rotary(text) };
  const pictures = await seePictures(model, seen, qwen25VLSight("vision", config), signal);
  const template = qwenEditTemplate(seen.length, kind === "edit-plus");
  return { ...encoder, template, keepsEnd: true, sees: { pictures, deep: 0, width: text.hidden_size } };
}
