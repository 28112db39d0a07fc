import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { withHubCache } from "../../files/hub-cache.ts";
import { modelError } from "../../files/model-error.ts";
import { readJson, readOptionalJson } from "../../files/read-json.ts";
import { TensorNames } from "../../files/tensor-names.ts";
import { fileWeights, folderWeights, type Weights } from "../../files/weights.ts";
import { deducedTransformerNet, isTransformerNet } from "../../models/deduced/deduced-controlnets.ts";
import { deducedUnet } from "../../models/deduced/deduced-unet.ts";
import { originalControlNet } from "../../models/original/original-unet.ts";

/** A ControlNet of a transformer's family: see {@link transformerNets}. */
export type TransformerKind = "flux-controlnet" | "qwen-image-controlnet" | "sd3-controlnet" | "z-image-controlnet";

/** What a network that steers by a picture is. */
export type ControlKind = "controlnet" | "t2i-adapter" | TransformerKind;

/** A ControlNet's or T2I-Adapter's files. Plain data: it crosses processes. */
export interface ControlSource {
  kind: ControlKind;
  /** Absolute path of its folder or file. */
  path: string;
  form: "folder" | "file";
  config: Readonly<Record<string, unknown>>;
  /** The file that the configuration is of, for messages. */
  file: string;
  /** Whether the tensors imply it, which don't tell all. */
  deduced?: boolean;
}

const classes: Readonly<Record<string, ControlKind>> = {
  ControlNetModel: "controlnet",
  ControlNetUnionModel: "controlnet",
  T2IAdapter: "t2i-adapter",
  FluxControlNetModel: "flux-controlnet",
  QwenImageControlNetModel: "qwen-image-controlnet",
  SD3ControlNetModel: "sd3-controlnet",
  ZImageControlNetModel: "z-image-controlnet",
};

/** Whether a config.json's class is one of these. */
export function isControlClass(name: unknown): boolean {
  return Object.hasOwn(classes, String(name));
}

/**
 * A ControlNet, a union of them, or a T2I-Adapter: a folder in the diffusers layout (also the Hub's, from its cache), or a single
 * file in diffusers' or the authors' naming (`control_model.…`). No weight is read.
 *
 * @throws {@link ModelError} naming the file and what it is instead.
 */
export function readControl(place: string): Promise<ControlSource> {
  return withHubCache(place, async (given) => {
    const path = resolve(given);
    const stats = await stat(path).catch((cause: Error) => {
      throw modelError("missing", `there is no ${path}`, { file: path, cause });
    });
    return stats.isDirectory() ? controlFolder(path) : controlFile(path);
  });
}

async function controlFolder(path: string): Promise<ControlSource> {
  const file = join(path, "config.json");
  const config = await readJson(file);
  return { kind: kindOf(config, file), path, form: "folder", config, file };
}

function kindOf({ _class_name: name }: Record<string, unknown>, file: string): ControlKind {
  const kind = classes[String(name)];
  if (kind !== undefined) return kind;
  const message = `${file}: its class is ${JSON.stringify(name)}; supported: ${Object.keys(classes).join(", ")}`;
  throw modelError("unsupported", message, { file, option: "_class_name" });
}

async function controlFile(path: string): Promise<ControlSource> {
  const weights = await namedWeights(path);
  const beside = await readOptionalJson(join(path, "..", "config.json"));
  const isBeside = beside !== undefined && isControlClass(beside._class_name);
  if (isBeside && /^diffusion_pytorch_model\b/.test(path.split(/[\\/]/).at(-1)!))
    return { kind: kindOf(beside, path), path, form: "file", config: beside, file: path };
  const names = new TensorNames(weights);
  const found = { path, form: "file", file: path, deduced: true } as const;
  const transformer = await deducedTransformerNet(weights, names);
  if (transformer !== undefined) return { ...found, ...transformer };
  if (names.has("controlnet_cond_embedding"))
    return { ...found, kind: "controlnet", config: deducedControlNet(weights, names) };
  return { ...found, kind: "t2i-adapter", config: deducedAdapter(names) };
}

/** Its tensors under diffusers' names. @throws {@link ModelError} */
export async function openControl({ path, form }: Pick<ControlSource, "path" | "form">): Promise<Weights> {
  return form === "folder" ? folderWeights(path) : namedWeights(path);
}

async function namedWeights(path: string): Promise<Weights> {
  const weights = await fileWeights(path);
  const names = new TensorNames(weights);
  const fail = (what: string) => modelError("unsupported", `${path} ${what}`, { file: path });
  if (weights.find("difference")) throw fail("holds differences from a base model, and no whole ControlNet");
  if (weights.find("lora_controlnet"))
    throw fail("is a Control-LoRA, which is not supported; use the whole ControlNet");
  const prefix = ["control_model.", ""].find((each) => names.has(`${each}input_hint_block`));
  if (prefix !== undefined) return originalControlNet({ weights, prefix });
  const isControlNet = names.has("controlnet_cond_embedding") && names.has("controlnet_down_blocks");
  if (isTransformerNet(names)) return weights;
  const other = foreignNets.find(([name]) => weights.find(name) !== undefined);
  if (other !== undefined) throw fail(`is ${other[1]}`);
  const isAdapter = names.has("adapter.body") || names.has("body.0.resnets") || names.has("body.0.block1");
  if (isControlNet || (isAdapter && !names.has("body.0.block1"))) return weights;
  throw fail("is neither a ControlNet nor a T2I-Adapter as they are known here");
}

/** ControlNets that are known and not supported, by a tensor that they have. */
const foreignNets: readonly (readonly [tensor: string, what: string])[] = [
  ["controlnet_blocks.0.y_rms.weight", "DiffSynth's ControlNet for Qwen-Image, which is not supported; InstantX's is"],
  [
    "double_blocks.0.img_attn.norm.key_norm.scale",
    "XLabs' ControlNet for FLUX.1, which is not supported; InstantX's and Shakker Labs' are",
  ],
  [
    "controlnet_blocks.0.linear.weight",
    "MistoLine's ControlNet for FLUX.1, which is not supported; InstantX's and Shakker Labs' are",
  ],
  [
    "pos_embed_input.proj.weight",
    "Stability's ControlNet for Stable Diffusion 3.5, which is not supported; InstantX's are",
  ],
];

/** The config.json that a ControlNet's tensors imply, as a UNet's: see deducedUnet. */
function deducedControlNet(weights: Weights, names: TensorNames): Record<string, unknown> {
  const { out_channels: _, up_block_types: __, ...unet } = deducedUnet(weights);
  const blocks = names.count("controlnet_cond_embedding.blocks");
  const shape = (name: string) => names.shape(`controlnet_cond_embedding.${name}.weight`);
  const widths = Array.from({ length: blocks / 2 }, (_x, i) => shape(`blocks.${2 * i + 1}`)[0]);
  const [kinds, width] = names.shape("task_embedding");
  const [inputs] = [names.shape("control_add_embedding.linear_1.weight")[1]];
  return {
    ...unet,
    _class_name: kinds === undefined ? "ControlNetModel" : "ControlNetUnionModel",
    conditioning_channels: shape("conv_in")[1],
    conditioning_embedding_out_channels: [shape("conv_in")[0], ...widths],
    ...(kinds === undefined
      ? {}
      : {
          num_control_type: kinds,
          num_trans_channel: width,
          num_trans_layer: names.count("transformer_layes"),
          num_proj_channel: names.shape("spatial_ch_projs.weight")[0],
          addition_time_embed_dim: (inputs ?? 0) / kinds,
        }),
  };
}

/** The config.json that a T2I-Adapter's tensors imply. Of the full kinds XL's unshuffles by 16, as published. */
function deducedAdapter(names: TensorNames): Record<string, unknown> {
  const root = names.has("adapter.body") ? "adapter." : "";
  const count = names.count(`${root}body`);
  const light = names.has(`${root}body.0.out_conv`);
  const outputs = Array.from({ length: count }, (_, i) => {
    const last = light ? "out_conv" : "resnets.0.block2";
    return names.shape(`${root}body.${i}.${last}.weight`)[0];
  });
  const inner = names.shape(`${root}${light ? "body.0.in_conv" : "conv_in"}.weight`)[1] ?? 0;
  const factor = inner % 256 === 0 && !light ? 16 : 8;
  return {
    _class_name: "T2IAdapter",
    in_channels: inner / factor ** 2,
    channels: light ? outputs.slice(0, -1) : outputs,
    num_res_blocks: names.count(`${root}body.0.resnets`),
    downscale_factor: factor,
    adapter_type: light ? "light_adapter" : factor === 16 ? "full_adapter_xl" : "full_adapter",
  };
}
