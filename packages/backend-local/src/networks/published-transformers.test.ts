import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Weights } from "../files/weights.ts";
import { buildAuraFlowTransformer } from "./auraflow-transformer/auraflow-transformer.ts";
import { buildDCDecoder, buildDCEncoder } from "./autoencoder-dc/autoencoder-dc.ts";
import { buildVaeDecoder, buildVaeEncoder } from "./autoencoder-kl/autoencoder-kl.ts";
import { buildQwenVaeDecoder, buildQwenVaeEncoder } from "./autoencoder-kl-qwen-image/autoencoder-kl-qwen-image.ts";
import {
  buildQwenVae21Decoder,
  buildQwenVae21Encoder,
} from "./autoencoder-kl-qwen-image-21/autoencoder-kl-qwen-image-21.ts";
import { buildChromaTransformer } from "./chroma-transformer/chroma-transformer.ts";
import { buildFluxControlNet } from "./flux-controlnet/flux-controlnet.ts";
import { buildFluxTransformer } from "./flux-transformer/flux-transformer.ts";
import { buildFlux2Transformer } from "./flux2-transformer/flux2-transformer.ts";
import { buildFlux3Transformer } from "./flux3-transformer/flux3-transformer.ts";
import { buildGemma2 } from "./gemma2/gemma2.ts";
import { buildKrea2Transformer } from "./krea2-transformer/krea2-transformer.ts";
import { buildLumina2Transformer } from "./lumina2-transformer/lumina2-transformer.ts";
import type { NetworkGraph } from "./network-graph.ts";
import { buildPixArtTransformer } from "./pixart-transformer/pixart-transformer.ts";
import {
  buildQwenImage21Text,
  buildQwenImage21Transformer,
} from "./qwen-image-21-transformer/qwen-image-21-transformer.ts";
import { buildQwenImageControlNet } from "./qwen-image-controlnet/qwen-image-controlnet.ts";
import { buildQwenImageTransformer } from "./qwen-image-transformer/qwen-image-transformer.ts";
import { buildQwen25VL } from "./qwen2-5-vl/qwen2-5-vl.ts";
import { buildQwen3 } from "./qwen3/qwen3.ts";
import { buildQwen3VL } from "./qwen3-vl/qwen3-vl.ts";
import { buildQwen3VLVision } from "./qwen3-vl/qwen3-vl-vision.ts";
import { buildSanaTransformer } from "./sana-transformer/sana-transformer.ts";
import { buildSD3ControlNet } from "./sd3-controlnet/sd3-controlnet.ts";
import { buildSD3Transformer } from "./sd3-transformer/sd3-transformer.ts";
import { buildT5Encoder } from "./t5-encoder/t5-encoder.ts";
import { buildZImageControlNet } from "./z-image-controlnet/z-image-controlnet.ts";
import { buildZImageTransformer } from "./z-image-transformer/z-image-transformer.ts";

// Configurations and tensors of the published models, of the reference's classes on torch's meta device: tools/oracle/published_transformers.py.
interface Published {
  config: Record<string, unknown>;
  tensors: Record<string, number[]>;
  parameters: number;
}
const file = new URL("../../fixtures/published-transformers.json.gz", import.meta.url);
const published = JSON.parse(gunzipSync(await readFile(file)).toString()) as Record<string, Published>;

type Build = (config: unknown, weights: Weights) => NetworkGraph | NetworkGraph[];
const vae: Build = (config, weights) => [buildVaeEncoder(config, weights), buildVaeDecoder(config, weights)];
const networks: Record<string, { build: Build; unused?: RegExp }> = {
  "z-image": { build: buildZImageTransformer },
  "flux2-klein-4b": { build: buildFlux2Transformer },
  "flux2-klein-9b": { build: buildFlux2Transformer },
  "flux-vae": { build: vae },
  "flux1-dev": { build: buildFluxTransformer },
  "flux1-schnell": { build: buildFluxTransformer },
  "flux1-fill": { build: buildFluxTransformer },
  "sd3-medium": { build: buildSD3Transformer },
  "sd3.5-medium": { build: buildSD3Transformer },
  "sd3.5-large": { build: buildSD3Transformer },
  "qwen-image": { build: buildQwenImageTransformer },
  chroma: { build: buildChromaTransformer },
  lumina2: { build: buildLumina2Transformer },
  "gemma2-2b": {
    build: (config, weights) => buildGemma2(config, weights, { states: [-2] }),
    unused: /^norm\.weight$|^layers\.25\./,
  },
  auraflow: { build: buildAuraFlowTransformer },
  "pile-t5-xl": { build: buildT5Encoder, unused: /^encoder\.embed_tokens\.weight$/ },
  "sana-1600m": { build: buildSanaTransformer },
  "sana-600m": { build: buildSanaTransformer },
  "sana-1.5-4800m": { build: buildSanaTransformer },
  "sana-vae": { build: (config, weights) => [buildDCEncoder(config, weights), buildDCDecoder(config, weights)] },
  "pixart-sigma": { build: buildPixArtTransformer },
  krea2: { build: buildKrea2Transformer },
  "flux3-klein": {
    build: (config, weights) => buildFlux3Transformer(config, weights, { references: true }),
  },
  // What only reference pictures need.
  "flux3-klein-base": { build: buildFlux3Transformer, unused: /[._]image_cond\./ },
  "qwen-image-21": {
    build: (config, weights) => [
      buildQwenImage21Text(config, weights),
      buildQwenImage21Text(config, weights, { pictures: 2 }),
      buildQwenImage21Transformer(config, weights),
    ],
  },
  "qwen-image-21-vae": {
    build: (config, weights) => [buildQwenVae21Encoder(config, weights), buildQwenVae21Decoder(config, weights)],
    unused: /\.time_conv\./,
  },
  // What only films need.
  "qwen-image-vae": {
    build: (config, weights) => [buildQwenVaeEncoder(config, weights), buildQwenVaeDecoder(config, weights)],
    unused: /\.time_conv\./,
  },
  // What sees pictures, and what writes answers.
  "qwen2.5-vl-7b": { build: buildQwen25VL, unused: /^model\.visual\.|^lm_head\.weight$/ },
  "qwen3-vl-4b": {
    build: (config, weights) => buildQwen3VL(config, weights, { states: [2, 5, 35] }),
    unused: /^model\.visual\.|^lm_head\.weight$|^model\.language_model\.(norm|layers\.35)\./,
  },
  "qwen3-vl-8b": {
    build: (config, weights) => [
      buildQwen3VL(config, weights, { normsLast: false, sees: 3 }),
      buildQwen3VLVision(config, weights),
    ],
    unused: /^lm_head\.weight$|^model\.language_model\.norm\./,
  },
  "t5-xxl": { build: buildT5Encoder, unused: /^encoder\.embed_tokens\.weight$/ },
  // The family reads the statistics that its latents are normalised by.
  "flux2-vae": { build: vae, unused: /^bn\./ },
  "qwen3-8b": {
    build: (config, weights) => buildQwen3(config, weights, { states: [9, 18, 27] }),
    unused: /^lm_head\.weight$|^model\.norm\.weight$|^model\.layers\.(2[7-9]|3\d)\./,
  },
  "flux1-union": { build: buildFluxControlNet },
  "flux1-union-2.0": { build: buildFluxControlNet },
  "qwen-image-union": { build: buildQwenImageControlNet },
  "sd3-canny": { build: buildSD3ControlNet },
  "z-image-union": { build: zImageControlNet },
  "z-image-union-2.0": { build: zImageControlNet },
  "z-image-union-2.1": { build: zImageControlNet },
  "qwen3-4b": {
    build: (config, weights) => buildQwen3(config, weights, { states: [-2] }),
    // What comes after the states that count.
    unused: /^lm_head\.weight$|^model\.norm\.weight$|^model\.layers\.35\./,
  },
};

/** A ControlNet that has layers of the transformer. */
function zImageControlNet(config: unknown, weights: Weights): NetworkGraph {
  const { config: transformer, tensors } = published["z-image"]!;
  return buildZImageControlNet(config, weights, { config: transformer, weights: weightsOf(tensors) });
}

describe("graphs over published configurations take every tensor in the reference's shape", () => {
  test.each(Object.entries(networks))("%s", (name, { build, unused }) => {
    const { config, tensors } = published[name]!;
    const taken = new Set<string>();
    const { find, ...weights } = weightsOf(tensors);
    const taking: Weights["find"] = (tensor) => {
      const found = find(tensor);
      if (found !== undefined) taken.add(tensor);
      return found;
    };
    const graphs = [build(config, { ...weights, find: taking })].flat();
    const left = Object.keys(tensors).filter((tensor) => !taken.has(tensor));
    expect(left.filter((tensor) => !unused?.test(tensor))).toEqual([]);
    // The graph points at weights and holds none.
    for (const { model } of graphs) expect(model.length).toBeLessThan(2 ** 21);
  });
});

/** Tensors of bfloat16 that lie nowhere. */
function weightsOf(tensors: Record<string, number[]>): Weights {
  const find: Weights["find"] = (name) => {
    const shape = tensors[name];
    if (shape === undefined) return undefined;
    const length = 2 * shape.reduce((product, size) => product * size, 1);
    return { name, shape, dtype: "BF16", file: "/none", offset: 0, length };
  };
  return { source: "none", find, names: () => Object.keys(tensors) };
}
