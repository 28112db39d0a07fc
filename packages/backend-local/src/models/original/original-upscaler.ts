import { modelError } from "../../files/model-error.ts";
import { TensorNames } from "../../files/tensor-names.ts";
import type { Weights } from "../../files/weights.ts";
import type { RecognisedModel, RecognisedPart } from "../recognised-model.ts";
import { Renaming } from "./renaming.ts";

/** What trainers put before the tensors' names. */
const prefixes = ["", "params_ema.", "params.", "module."];

/**
 * An upscaling network, by whichever of its names: RRDBNet in BasicSR's, in ESRGAN's first (`RRDB_trunk`) and in its published files'
 * (`model.1.sub.0.RDB1`), and SRVGGNetCompact. Undefined for all else.
 *
 * @throws {@link ModelError} for a network of the kind that is not supported.
 */
export function originalUpscaler(weights: Weights): RecognisedModel | undefined {
  const names = new TensorNames(weights);
  const part = prefixes.map((prefix) => networkAt(weights, names, prefix)).find((found) => found !== undefined);
  if (part === undefined) return undefined;
  return {
    pipeline: upscalerPipeline,
    parts: { upscaler: part },
    scheduler: noScheduler,
    tokenizers: {},
    latents: {},
    options: {},
  };
}

/** The class that stands for upscaling networks: there is no pipeline of diffusers' for them. */
export const upscalerPipeline = "ImageUpscaler";

/** Upscalers that are told by their tensors and not run. */
const otherNetworks = [
  { kind: "SPAN", modules: ["conv_1", "block_1.c1_r", "conv_cat", "upsampler.0"] },
  { kind: "DAT", modules: ["conv_first", "before_RG.1", "layers.0.blocks.0.ffn.sg"] },
  { kind: "SwinIR or HAT", modules: ["conv_first", "layers.0.residual_group.blocks.0.norm1"] },
];

/** Nothing is sampled; settings that ask what would sample are answered by this. */
const noScheduler = { _class_name: "DDIMScheduler" };

function networkAt(weights: Weights, names: TensorNames, prefix: string): RecognisedPart | undefined {
  const at = (module: string) => names.has(`${prefix}${module}`);
  const other = otherNetworks.find(({ modules }) => modules.every(at));
  if (other !== undefined) {
    const { source: file } = weights;
    const message = `${file}: an upscaler of the kind ${other.kind}; supported are RRDBNet (ESRGAN, Real-ESRGAN) and SRVGGNetCompact`;
    throw modelError("unsupported", message, { file });
  }
  if (at("body.0.rdb1") || at("RRDB_trunk.0.RDB1") || at("model.1.sub.0.RDB1")) return rrdbNet(weights, prefix);
  const first = names.shape(`${prefix}body.0.weight`);
  const isCompact = first.length === 4 && first[2] === 3 && (at("body.1") || at("body.2")) && !at("body.0.block1");
  return isCompact ? compact(weights, names, prefix) : undefined;
}

function rrdbNet(weights: Weights, prefix: string): RecognisedPart {
  const names = new Renaming({ weights, prefix });
  const blocks = { "RRDB_trunk.": "body.", "model.1.sub.": "body." };
  const last = names.count("model.1.sub") - 1;
  names.move(`model.1.sub.${last}.`, "conv_body.");
  for (const [from, to] of Object.entries(blocks))
    names.move(from, to, (rest) => rest.replace(".RDB", ".rdb").replace(/(\.conv\d+)\.0\./, "$1."));
  for (const [from, to] of [
    ["model.0.", "conv_first."],
    ["trunk_conv.", "conv_body."],
    ["HRconv.", "conv_hr."],
    ["upconv", "conv_up"],
  ] as const)
    names.move(from, to);
  // The list's other layers: one for each doubling, and two at the end.
  const listed = [...weights.names()].flatMap((name) => {
    const [, place] = /^model\.(\d+)\.weight$/.exec(name.slice(prefix.length)) ?? [];
    return name.startsWith(prefix) && Number(place) > 1 ? [Number(place)] : [];
  });
  const ends = listed.sort((a, b) => a - b);
  for (const [i, place] of ends.entries()) {
    const end = ["conv_hr.", "conv_last."][i - (ends.length - 2)];
    names.move(`model.${place}.`, end ?? `conv_up${i + 1}.`);
  }
  for (const same of ["conv_first.", "body.", "conv_body.", "conv_up", "conv_hr.", "conv_last."])
    names.move(same, same);
  const renamed = names.finish("RRDBNet");
  return { config: rrdbConfig(renamed), weights: renamed };
}

function rrdbConfig(weights: Weights): Record<string, unknown> {
  const names = new TensorNames(weights);
  const [features = 0, seen = 0] = names.shape("conv_first.weight");
  const [growth] = names.shape("body.0.rdb1.conv1.weight");
  const [made = 0] = names.shape("conv_last.weight");
  const unshuffle = Math.sqrt(seen / 3);
  if (made !== 3 || ![1, 2, 4].includes(unshuffle)) throw colours(weights, seen, made);
  return {
    _class_name: "RRDBNet",
    num_feat: features,
    num_grow_ch: growth,
    num_block: names.count("body"),
    num_upsample: [1, 2, 3, 4].filter((i) => names.has(`conv_up${i}`)).length,
    unshuffle,
    plus: names.has("body.0.rdb1.conv1x1"),
  };
}

function compact(weights: Weights, names: TensorNames, prefix: string): RecognisedPart {
  const own = new Renaming({ weights, prefix });
  own.move("body.", "body.");
  const renamed = own.finish("SRVGGNetCompact");
  const { source: file } = weights;
  const last = Math.max(...[...renamed.names()].map((name) => Number(/^body\.(\d+)\./.exec(name)?.[1] ?? 0)));
  const [features = 0, seen = 0] = names.shape(`${prefix}body.0.weight`);
  const [made = 0] = names.shape(`${prefix}body.${last}.weight`);
  const upscale = Math.sqrt(made / 3);
  if (!names.has(`${prefix}body.1`)) {
    const message = `${file}: its activations have no weights (PReLU); which others it was trained with, no tensor tells`;
    throw modelError("unsupported", message, { file });
  }
  if (seen !== 3 || !Number.isInteger(upscale)) throw colours(weights, seen, made);
  const config = { _class_name: "SRVGGNetCompact", num_feat: features, num_conv: last / 2 - 1, upscale };
  return { config, weights: renamed };
}

function colours({ source: file }: Weights, seen: number, made: number) {
  const message = `${file}: an upscaler that takes ${seen} channels and makes ${made}; supported are those of colour pictures, 3 channels or squares of them`;
  return modelError("unsupported", message, { file });
}
