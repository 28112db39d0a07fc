import { readFile } from "node:fs/promises";
import { Tensor } from "onnxruntime-node";
import { textStates } from "../families/flux3/flux3-traits.ts";
import { selectedLayers } from "../families/krea2/krea2-index.ts";
import { readSafetensors } from "../files/safetensors.ts";
import { folderWeights, type Weights } from "../files/weights.ts";
import { buildAuraFlowTransformer } from "../networks/auraflow-transformer/auraflow-transformer.ts";
import { buildDCDecoder, buildDCEncoder } from "../networks/autoencoder-dc/autoencoder-dc.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../networks/autoencoder-kl/autoencoder-kl.ts";
import {
  buildQwenVaeDecoder,
  buildQwenVaeEncoder,
} from "../networks/autoencoder-kl-qwen-image/autoencoder-kl-qwen-image.ts";
import {
  buildQwenVae21Decoder,
  buildQwenVae21Encoder,
} from "../networks/autoencoder-kl-qwen-image-21/autoencoder-kl-qwen-image-21.ts";
import { buildTinyDecoder, buildTinyEncoder } from "../networks/autoencoder-tiny/autoencoder-tiny.ts";
import { buildChromaTransformer } from "../networks/chroma-transformer/chroma-transformer.ts";
import { buildClipText } from "../networks/clip-text/clip-text.ts";
import { buildFluxControlNet } from "../networks/flux-controlnet/flux-controlnet.ts";
import { buildFluxTransformer } from "../networks/flux-transformer/flux-transformer.ts";
import { buildFlux2References, buildFlux2Transformer } from "../networks/flux2-transformer/flux2-transformer.ts";
import { buildFlux3Transformer } from "../networks/flux3-transformer/flux3-transformer.ts";
import { buildGemma2 } from "../networks/gemma2/gemma2.ts";
import { buildKrea2Transformer } from "../networks/krea2-transformer/krea2-transformer.ts";
import { buildLumina2Transformer } from "../networks/lumina2-transformer/lumina2-transformer.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { buildPixArtTransformer } from "../networks/pixart-transformer/pixart-transformer.ts";
import {
  buildQwenImage21Text,
  buildQwenImage21Transformer,
} from "../networks/qwen-image-21-transformer/qwen-image-21-transformer.ts";
import { buildQwenImageControlNet } from "../networks/qwen-image-controlnet/qwen-image-controlnet.ts";
import { buildQwenImageTransformer } from "../networks/qwen-image-transformer/qwen-image-transformer.ts";
import { buildQwen25VLVision } from "../networks/qwen2-5-vl/qwen2-5-vl-vision.ts";
import { buildQwen3 } from "../networks/qwen3/qwen3.ts";
import { buildQwen3VL } from "../networks/qwen3-vl/qwen3-vl.ts";
import { buildQwen3VLVision } from "../networks/qwen3-vl/qwen3-vl-vision.ts";
import { buildSanaTransformer } from "../networks/sana-transformer/sana-transformer.ts";
import { buildSD3ControlNet } from "../networks/sd3-controlnet/sd3-controlnet.ts";
import { buildSD3Transformer } from "../networks/sd3-transformer/sd3-transformer.ts";
import { buildT5Encoder } from "../networks/t5-encoder/t5-encoder.ts";
import { buildUNet2d } from "../networks/unet-2d/unet-2d.ts";
import { buildUNet } from "../networks/unet-2d-condition/unet-2d-condition.ts";
import { buildZImageControlNet } from "../networks/z-image-controlnet/z-image-controlnet.ts";
import { buildZImageTransformer } from "../networks/z-image-transformer/z-image-transformer.ts";
import { fixture } from "./test-model.ts";

/** A network with small random weights, and what the reference computed with them. */
export interface NetworkCase {
  readonly name: string;
  build(): Promise<NetworkGraph>;
  /** Its inputs as `in.<name>` and outputs as `out.<name>`. */
  oracle(): Promise<Map<string, Tensor>>;
}

type Build = (config: unknown, weights: Weights) => NetworkGraph;

// What diffusers and transformers computed with the same weights: tools/oracle/networks.py.
const cases: [folder: string, build: Build][] = [
  ["clip-quick-gelu", buildClipText],
  ["clip-projection", buildClipText],
  ["unet-sd1", buildUNet],
  ["unet-sd2", buildUNet],
  ["unet-mixed", buildUNet],
  ["unet-sdxl", buildUNet],
  ["unet-classes", buildUNet],
  ["unet-class-vectors", buildUNet],
  ["unet-depths", buildUNet],
  ["vae-f8", buildVaeEncoder],
  ["vae-f8", buildVaeDecoder],
  ["vae-f4", buildVaeEncoder],
  ["vae-f4", buildVaeDecoder],
  ["vae-f2", buildVaeEncoder],
  ["vae-f2", buildVaeDecoder],
  ["vae-old-names", buildVaeEncoder],
  ["vae-old-names", buildVaeDecoder],
  ["unet-ddpm", buildUNet2d],
  ["unet-ddpm-classes", buildUNet2d],
  ["unet-fourier", buildUNet2d],
  ["vae-tiny", buildTinyEncoder],
  ["vae-tiny", buildTinyDecoder],
  ["vae-tiny-16", buildTinyEncoder],
  ["vae-tiny-16", buildTinyDecoder],
];

/** Networks of a small model, with what they computed beside its pictures: tools/oracle/flow_families.py. */
const parts: [family: string, folder: string, network: string, build: Build][] = [
  ["z-image", "text_encoder", "textEncoder", (config, weights) => buildQwen3(config, weights, { states: [-2] })],
  ["z-image", "transformer", "transformer", buildZImageTransformer],
  ["flux2", "text_encoder", "textEncoder", (config, weights) => buildQwen3(config, weights, { states: [9, 18, 27] })],
  ["flux2", "transformer", "transformer", buildFlux2Transformer],
  ["flux2", "transformer", "references", buildFlux2References],
  [
    "flux2",
    "transformer",
    "cachedTransformer",
    (config, weights) => buildFlux2Transformer(config, weights, { references: true }),
  ],
  ["flux1", "text_encoder_2", "textEncoder2", buildT5Encoder],
  ["flux1", "transformer", "transformer", buildFluxTransformer],
  ["stable-diffusion-3", "transformer", "transformer", buildSD3Transformer],
  ["qwen-image", "transformer", "transformer", buildQwenImageTransformer],
  ["qwen-image-edit", "text_encoder", "vision", buildQwen25VLVision],
  ["qwen-image", "vae", "vaeDecoder", buildQwenVaeDecoder],
  ["qwen-image", "vae", "vaeEncoder", buildQwenVaeEncoder],
  ["qwen-image-21", "transformer", "textTransformer", buildQwenImage21Text],
  [
    "qwen-image-21",
    "transformer",
    "pictureTransformer",
    (config, weights) => buildQwenImage21Text(config, weights, { pictures: 2 }),
  ],
  ["qwen-image-21", "transformer", "transformer", buildQwenImage21Transformer],
  ["qwen-image-21", "text_encoder", "vision", buildQwen3VLVision],
  ["qwen-image-21", "vae", "vaeDecoder", buildQwenVae21Decoder],
  ["qwen-image-21", "vae", "vaeEncoder", buildQwenVae21Encoder],
  [
    "krea2",
    "text_encoder",
    "textEncoder",
    (config, weights) => buildQwen3VL(config, weights, { states: selectedLayers({}) }),
  ],
  ["krea2", "transformer", "transformer", buildKrea2Transformer],
  ["chroma", "transformer", "transformer", buildChromaTransformer],
  ["pixart-sigma", "transformer", "transformer", buildPixArtTransformer],
  ["lumina2", "text_encoder", "textEncoder", (config, weights) => buildGemma2(config, weights, { states: [-2] })],
  ["lumina2", "transformer", "transformer", buildLumina2Transformer],
  ["auraflow", "text_encoder", "textEncoder", buildT5Encoder],
  ["auraflow", "transformer", "transformer", buildAuraFlowTransformer],
  ["sana", "text_encoder", "textEncoder", buildGemma2],
  ["sana", "transformer", "transformer", buildSanaTransformer],
  ["sana", "vae", "vaeDecoder", buildDCDecoder],
  ["sana", "vae", "vaeEncoder", buildDCEncoder],
  ["flux3", "text_encoder", "textEncoder", (config, weights) => buildQwen3VL(config, weights, { states: textStates })],
  [
    "flux3",
    "transformer",
    "transformer",
    (config, weights) => buildFlux3Transformer(config, weights, { references: true }),
  ],
];

/** ControlNets of flow models: tools/oracle/flow_controls.py. */
const controls: [name: string, build: Build | ((config: unknown, weights: Weights) => Promise<NetworkGraph>)][] = [
  ["flux1-union", buildFluxControlNet],
  ["flux1-plain", buildFluxControlNet],
  ["qwen-image-union", buildQwenImageControlNet],
  ["stable-diffusion-3", buildSD3ControlNet],
  ...["z-image-1", "z-image-2.0", "z-image-2.1"].map((name): (typeof controls)[number] => [name, zImageControlNet]),
];

async function zImageControlNet(config: unknown, weights: Weights): Promise<NetworkGraph> {
  const folder = fixture("families/z-image/transformer");
  const transformer = JSON.parse(await readFile(`${folder}/config.json`, "utf8"));
  return buildZImageControlNet(config, weights, { config: transformer, weights: await folderWeights(folder) });
}

/** Every {@link NetworkCase}. */
export const networkCases: readonly NetworkCase[] = [
  ...cases.map(([folder, build]) => {
    const path = fixture(`networks/${folder}`);
    const oracle = () => readTensors(`${path}/io.safetensors`);
    return { name: `${folder} ${build.name}`, build: () => built(path, build), oracle };
  }),
  ...parts.map(([family, folder, network, build]) => ({
    name: `${family}'s ${folder} ${network}`,
    build: () => built(fixture(`families/${family}/${folder}`), build),
    oracle: () => valuesOf(fixture(`families/${family}.safetensors`), network),
  })),
  ...controls.map(([name, build]) => ({
    name: `${name} ControlNet`,
    build: () => built(fixture(`flow-controls/${name}`), build),
    oracle: () => valuesOf(fixture("flow-controls/tensors.safetensors"), name),
  })),
];

/** Cases that add nothing to what others of their builder show of operators. */
const alike = [
  "unet-sd2",
  "unet-mixed",
  "unet-class-vectors",
  "vae-f4",
  "vae-f2",
  "vae-old-names",
  "vae-tiny-16",
  "unet-ddpm ",
];

/** Cases that show every operator. */
export const variedCases = networkCases.filter(({ name }) => !alike.some((start) => name.startsWith(start)));

/** The values of one of a file's networks. */
async function valuesOf(file: string, network: string): Promise<Map<string, Tensor>> {
  const own = [...(await readTensors(file))].filter(([name]) => name.startsWith(`${network}/`));
  return new Map(own.map(([name, tensor]) => [name.slice(network.length + 1), tensor]));
}

async function built(folder: string, build: (typeof controls)[number][1]): Promise<NetworkGraph> {
  return build(JSON.parse(await readFile(`${folder}/config.json`, "utf8")), await folderWeights(folder));
}

/** Greatest difference, relative to the greatest expected magnitude. */
export function relativeError(found: Float32Array, expected: Float32Array): number {
  let difference = 0;
  let scale = 0;
  for (const [i, value] of expected.entries()) {
    difference = Math.max(difference, Math.abs(value - found[i]!));
    scale = Math.max(scale, Math.abs(value));
  }
  return Number.isNaN(found.reduce((sum, x) => sum + x, 0)) ? Number.NaN : difference / scale;
}

async function readTensors(path: string): Promise<Map<string, Tensor>> {
  const { tensors } = await readSafetensors(path);
  const file = await readFile(path);
  return new Map(
    [...tensors.values()].map(({ name, dtype, shape, offset, length }) => {
      return [name, toTensor(dtype, new Uint8Array(file.subarray(offset, offset + length)), shape)];
    }),
  );
}

function toTensor(dtype: string, bytes: Uint8Array<ArrayBuffer>, shape: readonly number[]): Tensor {
  if (dtype === "I32") return new Tensor("int32", new Int32Array(bytes.buffer), shape);
  if (dtype === "I64") return new Tensor("int64", new BigInt64Array(bytes.buffer), shape);
  // Pictures beside the networks' values are U8: nothing feeds them.
  return dtype === "F32"
    ? new Tensor("float32", new Float32Array(bytes.buffer), shape)
    : new Tensor("bool", bytes, shape);
}
