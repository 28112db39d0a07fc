import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { readSafetensors } from "../files/safetensors.ts";
import { folderWeights, type Weights } from "../files/weights.ts";
import { buildVaeDecoder, buildVaeEncoder } from "./autoencoder-kl/autoencoder-kl.ts";
import { buildTinyDecoder, buildTinyEncoder } from "./autoencoder-tiny/autoencoder-tiny.ts";
import { buildClipText } from "./clip-text/clip-text.ts";
import { buildFluxTransformer } from "./flux-transformer/flux-transformer.ts";
import { buildFlux2Transformer } from "./flux2-transformer/flux2-transformer.ts";
import type { NetworkGraph } from "./network-graph.ts";
import { buildQwen3 } from "./qwen3/qwen3.ts";
import { buildT5Encoder } from "./t5-encoder/t5-encoder.ts";
import { buildUNet2d } from "./unet-2d/unet-2d.ts";
import { buildUNet } from "./unet-2d-condition/unet-2d-condition.ts";
import { buildZImageTransformer } from "./z-image-transformer/z-image-transformer.ts";

// What diffusers and transformers computed with the same weights: tools/oracle/networks.py.
const fixtures = fileURLToPath(new URL("../../fixtures/networks/", import.meta.url));
const families = fileURLToPath(new URL("../../fixtures/families/", import.meta.url));
const tolerance = 1e-5;

type Build = (config: unknown, weights: Weights) => NetworkGraph;
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
  ["flux1", "text_encoder_2", "textEncoder2", buildT5Encoder],
  ["flux1", "transformer", "transformer", buildFluxTransformer],
];

describe("networks compute what the oracle computed", () => {
  test.each(cases)("%s %o", async (folder, build) => {
    await compare(build, `${fixtures}${folder}`, await readTensors(`${fixtures}${folder}/io.safetensors`));
  });

  test.each(parts)("%s's %s %s", async (family, folder, network, build) => {
    const all = [...(await readTensors(`${families}${family}.safetensors`))];
    const own = all.filter(([name]) => name.startsWith(`${network}/`));
    const oracle = new Map(own.map(([name, tensor]) => [name.slice(network.length + 1), tensor]));
    await compare(build, `${families}${family}/${folder}`, oracle);
  });

  async function compare(build: Build, folder: string, oracle: Map<string, Tensor>) {
    const config = JSON.parse(await readFile(`${folder}/config.json`, "utf8"));
    const { model, inputs, outputs, sessionOptions } = build(config, await folderWeights(folder));
    const session = await InferenceSession.create(model, sessionOptions);
    const feeds = Object.fromEntries(inputs.map(({ name }) => [name, oracle.get(`in.${name}`)!]));
    const results = await session.run(feeds);

    const compared = outputs.filter(({ name }) => oracle.has(`out.${name}`));
    expect(compared.length).toBeGreaterThan(0);
    for (const { name } of compared) {
      const [found, expected] = [results[name]!, oracle.get(`out.${name}`)!];
      expect(found.dims, name).toEqual(expected.dims);
      expect(relativeError(found.data as Float32Array, expected.data as Float32Array), name).toBeLessThan(tolerance);
    }
  }
});

/** Greatest difference, relative to the greatest expected magnitude. */
function relativeError(found: Float32Array, expected: Float32Array): number {
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
  // Pictures beside the networks' values are U8: nothing feeds them.
  return dtype === "F32"
    ? new Tensor("float32", new Float32Array(bytes.buffer), shape)
    : new Tensor("bool", bytes, shape);
}
