import { resolve } from "node:path";
import type { CallInputs, Conditioning, GenerationRequest } from "@latentkit/core";
import { regularFile } from "../../files/regular-file.ts";
import { invalidField } from "../../invalid-field.ts";
import { type Model, partOf } from "../../models/model.ts";
import type { ControlNetConfig } from "../../networks/controlnet/controlnet-config.ts";
import { controlNetConfig } from "../../networks/controlnet/controlnet-config.ts";
import { featureChannels, t2iAdapterConfig } from "../../networks/t2i-adapter/t2i-adapter.ts";
import { type UNetConfig, unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { readPicture } from "../../pipeline/read-picture.ts";
import { ofField } from "../of-field.ts";
import type { ControlInput } from "./control-input.ts";
import { type ControlSource, readControl } from "./control-source.ts";
import { preparedControls } from "./prepare/prepared-controls.ts";

/** Networks by the controls that they are for, where a request names none. */
export type ControlNets = Readonly<Partial<Record<string, string | undefined>>>;

/** Where a job's controls come from. */
export interface ReadControlsOptions {
  controlNets: ControlNets | undefined;
  /** The output's. */
  width: number;
  height: number;
  signal: AbortSignal;
  rules: CallInputs | undefined;
}

type ControlEntry = Extract<Conditioning, { kind: "control" }>;

/**
 * A request's control pictures with their networks, each held against the model.
 *
 * @throws InvalidRequestError naming the field: no network, one of another kind of model, a picture that can't be made.
 */
export async function readControls(
  request: GenerationRequest,
  model: Model,
  options: ReadControlsOptions,
): Promise<ControlInput[]> {
  const controls: ControlInput[] = [];
  for (const [i, entry] of request.conditioning.entries()) {
    if (entry.kind !== "control") continue;
    const field = `conditioning[${i}]`;
    const { source, kind } = await networkFor(entry, field, model, options);
    const { preprocessor, prepare = false, softWeights = false, guessMode = false } = entry;
    const { control, strength, start, end } = entry;
    if (prepare && preprocessor === undefined) checkPreparation(control, field, request);
    const made = preprocessor === undefined ? undefined : resolve(preprocessor);
    if (made !== undefined) await ofField(`${field}.preprocessor`, onnxFile(made));
    const { width, height, signal, rules } = options;
    const pixels = await readPicture(entry.image, `${field}.image`, { signal, rules, size: () => ({ width, height }) });
    const ways = { prepare, preprocessor: made, strength, start, end, softWeights, guessMode };
    controls.push({ field, control, source, kind, pixels, ...ways });
  }
  return controls;
}

async function onnxFile(path: string): Promise<void> {
  await regularFile(path);
}

function checkPreparation(control: string, field: string, { task }: GenerationRequest): void {
  const made = Object.keys(preparedControls);
  if (!made.includes(control)) {
    const message = `of a ${control} picture nothing can be made here but by a network: name an ONNX file in preprocessor, or give the finished picture; ${made.join(", ")} can be prepared`;
    throw invalidField(`${field}.prepare`, message);
  }
  if (control === "inpaint" && task !== "inpaint")
    throw invalidField(
      `${field}.prepare`,
      "makes an inpaint picture with the request's mask: the task must be inpaint",
    );
}

async function networkFor(
  entry: ControlEntry,
  field: string,
  model: Model,
  { controlNets, width, height }: ReadControlsOptions,
) {
  const place = entry.model ?? controlNets?.[entry.control];
  const named = `${field}.model`;
  if (place === undefined) {
    const message = `name a ControlNet's folder or file, or give local() controlNets: { ${JSON.stringify(entry.control)}: … }`;
    throw invalidField(named, message);
  }
  const read = await ofField(named, readControl(place));
  const unet = unetConfig(partOf(model, "unet").config);
  if (read.kind === "t2i-adapter") {
    const spec = await ofField(
      named,
      parsed(() => t2iAdapterConfig(read.config)),
    );
    checkAdapter(read, featureChannels(spec), unet, named);
    const factor = spec.downscale_factor;
    if (width % factor > 0 || height % factor > 0)
      throw invalidField(named, `${read.path} takes sides that are multiples of ${factor}, not ${width}×${height}`);
    return { source: read, kind: undefined };
  }
  const source = withOwn(read, partOf(model, "unet").config);
  const spec = await ofField(
    named,
    parsed(() => controlNetConfig(source.config)),
  );
  checkControlNet(source, spec, unet, model.traits.latentChannels, named);
  return { source, kind: spec.kinds === undefined ? undefined : kindOf(entry.control, spec.kinds, field, source) };
}

async function parsed<T>(parse: () => T): Promise<T> {
  return parse();
}

/** What no tensor tells is as in the UNet that a ControlNet was made from. */
const ofUnet = [
  "attention_head_dim",
  "norm_num_groups",
  "norm_eps",
  "act_fn",
  "flip_sin_to_cos",
  "freq_shift",
  "downsample_padding",
  "mid_block_scale_factor",
  "resnet_time_scale_shift",
];

function withOwn(source: ControlSource, unet: Readonly<Record<string, unknown>>): ControlSource {
  const isDeduced = source.file === source.path && source.config.norm_num_groups === undefined;
  if (!isDeduced) return source;
  const own = ofUnet.filter((option) => unet[option] !== undefined).map((option) => [option, unet[option]]);
  const added =
    source.config._class_name === "ControlNetModel" ? { addition_time_embed_dim: unet.addition_time_embed_dim } : {};
  return { ...source, config: { ...source.config, ...added, ...Object.fromEntries(own) } };
}

function checkControlNet(
  source: ControlSource,
  spec: ControlNetConfig,
  unet: UNetConfig,
  latentChannels: number,
  field: string,
) {
  const fail = (what: string, has: unknown, needs: unknown) => {
    const message = `${source.path} has ${what} ${has}, and the model's UNet ${needs}: it is of another kind of model`;
    return invalidField(field, message);
  };
  const [own, needed] = [spec.unet.levels, unet.levels];
  const [text, modelText] = [own[0]!.crossAttentionDim, needed[0]!.crossAttentionDim];
  if (text !== modelText) throw fail("cross_attention_dim", text, modelText);
  const sizes = (levels: UNetConfig["levels"]) =>
    levels.map(({ channels, layers }) => `${channels}×${layers}`).join(", ");
  if (sizes(own) !== sizes(needed)) throw fail("blocks of", sizes(own), sizes(needed));
  if (spec.unet.in_channels !== latentChannels) throw fail("in_channels", spec.unet.in_channels, latentChannels);
  if ((spec.unet.addition_embed_type ?? null) !== (unet.addition_embed_type ?? null))
    throw fail("addition_embed_type", spec.unet.addition_embed_type, unet.addition_embed_type);
}

function checkAdapter(source: ControlSource, channels: readonly number[], unet: UNetConfig, field: string): void {
  const needed = unet.levels.map((level) => level.channels);
  const fits = needed.every((count, i) => channels[i] === count) && channels.length <= needed.length + 1;
  if (fits && (channels.length === needed.length || channels.at(-1) === needed.at(-1))) return;
  const message = `${source.path} has features of ${channels.join(", ")} channels, and the model's UNet blocks of ${needed.join(", ")}: it is of another kind of model`;
  throw invalidField(field, message);
}

/** A union ControlNet's kinds, as published (https://github.com/xinsir6/ControlNetPlus). */
const unionKinds: Readonly<Record<string, number>> = {
  pose: 0,
  depth: 1,
  "soft-edge": 2,
  scribble: 2,
  canny: 3,
  "line-art": 3,
  normal: 4,
  segmentation: 5,
  tile: 6,
  inpaint: 7,
};

function kindOf(control: string, kinds: number, field: string, { path }: ControlSource): number {
  const kind = unionKinds[control];
  if (kind !== undefined && kind < kinds) return kind;
  const known = Object.keys(unionKinds).filter((name) => unionKinds[name]! < kinds);
  throw invalidField(
    `${field}.control`,
    `${path} is a ControlNet of several kinds: must be one of ${known.join(", ")}`,
  );
}
