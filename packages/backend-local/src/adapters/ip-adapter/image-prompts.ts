import type { Tensor } from "onnxruntime-node";
import type { FamilyJob, OpenModel } from "../../families/family.ts";
import type { Condition } from "../../families/shared/steered-passes.ts";
import { fileWeights, folderWeights } from "../../files/weights.ts";
import { partOf } from "../../models/model.ts";
import { stampOf } from "../../models/model-hash.ts";
import { buildClipVision } from "../../networks/clip-vision/clip-vision.ts";
import { clipVisionConfig } from "../../networks/clip-vision/clip-vision-config.ts";
import { buildIPAdapter, ipOutputs } from "../../networks/ip-adapter/ip-adapter.ts";
import { imagePromptInputs } from "../../networks/unet-2d-condition/cross-attentions.ts";
import { unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { ofField } from "../of-field.ts";
import { clipPixels } from "./clip-pixels.ts";
import type { ImagePromptInput } from "./image-prompt-input.ts";
import { resizedMask } from "./mask-gates.ts";

/** What pictures as prompts give the UNet: what each row of a batch looks at beside its text, and how much it counts in a step. */
export interface ImagePrompts {
  cond: Condition;
  uncond: Condition;
  gates(index: number): Record<string, Tensor>;
}

/** Pictures that one adapter looks at together: its vectors of all of them are looked at in one attention. */
export function imagePromptGroups({ inputs: { imagePrompts = [] } }: Pick<FamilyJob, "inputs">): ImagePromptInput[][] {
  const groups = new Map<string, ImagePromptInput[]>();
  for (const prompt of imagePrompts) {
    const { path, encoder, strength, start, end, mask, field } = prompt;
    const key = mask ? field : JSON.stringify([path, encoder.path, strength, start, end]);
    groups.set(key, [...(groups.get(key) ?? []), prompt]);
  }
  return [...groups.values()];
}

/** How a UNet must be built for a job's pictures as prompts: see NetworkVariant. */
export function imagePromptVariant(job: Pick<FamilyJob, "inputs">): { imagePrompts?: number } {
  const { length } = imagePromptGroups(job);
  return length === 0 ? {} : { imagePrompts: length };
}

/** The networks that look at a prompt's picture. @throws InvalidRequestError naming the field whose files don't fit. */
export async function loadImagePrompt(model: Pick<OpenModel, "beside">, prompt: ImagePromptInput) {
  const { path, shape, encoder, field } = prompt;
  const key = async (file: string) => JSON.stringify([file, await stampOf([file])]);
  const [eye, adapter] = [await key(encoder.path), await key(path)];
  return {
    encoder: await ofField(
      `${field}.imageEncoder`,
      model.beside(`image encoder ${eye}`, async () =>
        buildClipVision(encoder.config, await folderWeights(encoder.path)),
      ),
    ),
    adapter: await ofField(
      `${field}.model`,
      model.beside(`ip-adapter ${adapter}`, async () => buildIPAdapter(shape, await fileWeights(path))),
    ),
  };
}

/** Looks at a job's pictures as prompts; undefined where there are none. */
export async function imagePrompts(
  model: OpenModel,
  job: FamilyJob,
  signal: AbortSignal,
): Promise<ImagePrompts | undefined> {
  const groups = imagePromptGroups(job);
  if (groups.length === 0) return undefined;
  const { Tensor } = model.runtime;
  const [cond, uncond]: [Record<string, Condition[string]>, Record<string, Condition[string]>] = [{}, {}];
  for (const [g, group] of groups.entries()) {
    const { encoder, adapter } = await loadImagePrompt(model, group[0]!);
    const { shape } = group[0]!;
    const { image_size: side } = clipVisionConfig(group[0]!.encoder.config);
    const pictures = await Promise.all(group.map(({ pixels }) => clipPixels(pixels, side)));
    const blank = new Float32Array(pictures[0]!.length);
    const output = shape.kind === "plain" ? "image_embeds" : "penultimate";
    const see = async (pixels: Float32Array) => {
      const input = new Tensor("float32", pixels, [1, 3, side, side]);
      return encoder.run({ pixel_values: input }, output, signal);
    };
    const unseen =
      shape.kind === "plain"
        ? new Tensor("float32", new Float32Array(shape.inputs), [1, shape.inputs])
        : await see(blank);
    const outputs = shape.channels.flatMap((_, i) => ipOutputs(i));
    const inputs = shape.channels.flatMap((_, i) => imagePromptInputs(g, i));
    const all = await Promise.all(
      pictures.map(async (each) => adapter.runAll({ image: await see(each) }, outputs, signal)),
    );
    const none = await adapter.runAll({ image: unseen }, outputs, signal);
    for (const [k, name] of inputs.entries()) {
      cond[name] = oneAfterOther(all.map((each) => each[k]!));
      uncond[name] = oneAfterOther(pictures.map(() => none[k]!));
    }
  }
  return { cond, uncond, gates: gatesOf(model, job, groups) };
}

/** `[1, tokens, channels]` of several as one `[1, all, channels]`. */
function oneAfterOther(tensors: readonly Tensor[]): Condition[string] {
  const [, tokens = 0, channels = 0] = tensors[0]!.dims;
  const data = new Float32Array(tensors.length * tokens * channels);
  for (const [i, tensor] of tensors.entries()) data.set(tensor.data as Float32Array, i * tokens * channels);
  return { data, dims: [1, tensors.length * tokens, channels] };
}

function gatesOf(model: OpenModel, { dims, settings }: FamilyJob, groups: readonly ImagePromptInput[][]) {
  const { Tensor } = model.runtime;
  const { levels } = unetConfig(partOf(model.model, "unet").config);
  const { grid, width, height } = settings;
  const open = groups.map(([prompt]) =>
    levels.map((_, level) => {
      if (prompt!.mask === undefined) return Float32Array.of(1);
      const halved = (side: number) =>
        Array.from({ length: level }).reduce<number>((size) => Math.ceil(size / 2), side);
      return resizedMask(prompt!.mask, [height, width], [halved(dims[1]), halved(dims[2])]);
    }),
  );
  return (index: number) =>
    Object.fromEntries(
      groups.flatMap(([prompt], g) => {
        const { strength, start, end } = prompt!;
        const acts = index / grid.steps >= start && (index + 1) / grid.steps <= end;
        return open[g]!.map((mask, level) => {
          const values = mask.map((value) => (acts ? value * strength : 0));
          return [`ip.${g}.gate.${level}`, new Tensor("float32", values, [1, values.length, 1])];
        });
      }),
    );
}
