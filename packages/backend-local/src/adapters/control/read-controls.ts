import { resolve } from "node:path";
import type { CallInputs, Conditioning, GenerationRequest } from "@latentkit/core";
import { families } from "../../families/families.ts";
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
import { steered, type TransformerNet, transformerNet } from "./transformer-nets.ts";
import { unionKinds, unionNumbers } from "./union-kinds.ts";

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

/** Controls whose pictures are not there yet, for a plan of what they would take. @throws InvalidRequestError naming the option. */
export async function plannedControls(controlNets: ControlNets, model: Model): Promise<ControlInput[]> {
  if (Object.keys(controlNets).length > 0 && !model.traits.conditioning.includes("control"))
    throw invalidField("controlNets", `a ${titleOf(model.family)} model takes none`);
  const { defaultWidth: width, defaultHeight: height } = model.traits;
  const controls: ControlInput[] = [];
  for (const [control, place] of Object.entries(controlNets)) {
    if (place === undefined) continue;
    const field = `controlNets.${control}`;
    const entry = { kind: "control", control, model: place } as unknown as ControlEntry;
    const { source, kind } = await networkFor(entry, field, model, { controlNets, width, height });
    const pixels = { width: 1, height: 1, channels: 3, data: new Uint8Array(3) } as const;
    const ways = { prepare: false, strength: 1, start: 0, end: 1, softWeights: false, guessMode: false };
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
  { controlNets, width, height }: Pick<ReadControlsOptions, "controlNets" | "width" | "height">,
) {
  const place = entry.model ?? controlNets?.[entry.control];
  const named = `${field}.model`;
  if (place === undefined) {
    const message = `name a ControlNet's folder or file, or give local() controlNets: { ${JSON.stringify(entry.control)}: … }`;
    throw invalidField(named, message);
  }
  const read = await ofField(named, readControl(place));
  const net = requireFamily(read, model, named);
  if (net !== undefined) return transformerSource(read, net, entry, field, model);
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

/** What a ControlNet steers a transformer by; undefined of a UNet's. @throws InvalidRequestError where it is another family's. */
function requireFamily(source: ControlSource, model: Model, field: string): TransformerNet | undefined {
  const net = transformerNet(source);
  const fits = net === undefined ? model.parts.unet !== undefined : net.family === model.family;
  if (fits) return net;
  const what = source.kind === "t2i-adapter" ? "T2I-Adapter" : "ControlNet";
  const made = net === undefined ? "Stable Diffusion 1, 2 or XL" : titleOf(net.family);
  throw invalidField(field, `${source.path} is a ${what} for ${made}, and the model is ${titleOf(model.family)}`);
}

function titleOf(family: string): string {
  return families.find(({ id }) => id === family)?.title ?? family;
}

async function transformerSource(
  read: ControlSource,
  net: TransformerNet,
  { control, prepare }: ControlEntry,
  field: string,
  model: Model,
) {
  const transformer = steered(model);
  const config = read.deduced ? net.complete(read.config, transformer) : read.config;
  const misfit = await ofField(
    `${field}.model`,
    parsed(() => net.misfit(config, transformer)),
  );
  if (misfit !== undefined) {
    const [option, own, needed] = misfit;
    const message = `${read.path} has ${option} ${own}, and the model's transformer ${needed}: it is of another kind of model`;
    throw invalidField(`${field}.model`, message);
  }
  if (control === "inpaint" && prepare)
    throw invalidField(`${field}.prepare`, "an inpaint picture can be made for ControlNets of Stable Diffusion alone");
  const kinds = net.kinds?.(config);
  const kind = kinds?.[control];
  if (kinds !== undefined && kind === undefined) throw unknownKind(field, read, Object.keys(kinds));
  return { source: { ...read, config }, kind };
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
  if (!source.deduced) return source;
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

function kindOf(control: string, kinds: number, field: string, source: ControlSource): number {
  const kind = unionNumbers[control];
  if (kind !== undefined && kind < kinds) return kind;
  throw unknownKind(field, source, unionKinds(kinds));
}

function unknownKind(field: string, { path }: ControlSource, known: readonly string[]) {
  const message = `${path} is a ControlNet of several kinds: must be one of ${known.join(", ")}`;
  return invalidField(`${field}.control`, message);
}
