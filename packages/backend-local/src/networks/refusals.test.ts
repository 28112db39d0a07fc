import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ModelError } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { folderWeights, type Weights } from "../files/weights.ts";
import type { LayerAdapter, LayerCall } from "../graph/scope.ts";
import { buildVaeDecoder, buildVaeEncoder } from "./autoencoder-kl/autoencoder-kl.ts";
import { buildTinyDecoder } from "./autoencoder-tiny/autoencoder-tiny.ts";
import { buildClipText } from "./clip-text/clip-text.ts";
import { buildUNet2d } from "./unet-2d/unet-2d.ts";
import { buildUNet } from "./unet-2d-condition/unet-2d-condition.ts";

const fixtures = fileURLToPath(new URL("../../fixtures/networks/", import.meta.url));
const builds = {
  "unet-sd1": buildUNet,
  "vae-f8": buildVaeDecoder,
  "clip-quick-gelu": buildClipText,
  "unet-ddpm": buildUNet2d,
  "vae-tiny": buildTinyDecoder,
};
type Folder = keyof typeof builds;

async function load(folder: Folder): Promise<{ config: Record<string, unknown>; weights: Weights }> {
  const config = JSON.parse(await readFile(`${fixtures}${folder}/config.json`, "utf8"));
  return { config, weights: await folderWeights(`${fixtures}${folder}`) };
}

async function refusal(folder: Folder, change: object, weights?: Partial<Weights>): Promise<ModelError> {
  const loaded = await load(folder);
  try {
    builds[folder]({ ...loaded.config, ...change }, { ...loaded.weights, ...weights });
  } catch (error) {
    expect(ModelError.isInstance(error)).toBe(true);
    return error as ModelError;
  }
  throw new Error("it was built");
}

describe("an option that is not supported is refused by name, value and what is", () => {
  const unet = (option: string, value: unknown, message: RegExp) => ["unet-sd1", option, value, message] as const;
  const cases: readonly (readonly [folder: Folder, option: string, value: unknown, message: RegExp])[] = [
    unet("dual_cross_attention", true, /dual_cross_attention = true is not supported: .*false/),
    unet("time_embedding_type", "fourier", /"fourier" is not supported: .*positional/),
    unet("attention_type", "gated", /"gated"/),
    unet("num_attention_heads", 8, /num_attention_heads = 8/),
    unet("addition_embed_type", "image", /text_time/),
    unet("encoder_hid_dim_type", "image_proj", /text_proj/),
    unet("resnet_time_scale_shift", "spatial", /scale_shift/),
    unet("mid_block_type", "UNetMidBlock2DSimpleCrossAttn", /UNetMidBlock2DCrossAttn/),
    unet("act_fn", "snake", /silu/),
    unet("norm_num_groups", 5, /must divide the 16 channels/),
    unet("attention_head_dim", 3, /must divide the 16 channels/),
    unet("layers_per_block", [1, 2, 3], /one entry for each of the 2 down blocks/),
    unet("block_out_channels", "16", /expected array/),
    unet("transformer_layers_per_block", [[1], [1]], /differs by layer|reverse_transformer/),
    unet("class_embed_type", "projection", /projection_class_embeddings_input_dim|must be given/),
    unet("layers_per_block", 1e8, /layers_per_block = 100000000 is not supported: .*<=64/),
    unet("transformer_layers_per_block", 1e8, /<=256/),
    unet("transformer_layers_per_block", [1e8, 1], /<=256/),
    unet("block_out_channels", [1e9, 16], /block_out_channels\.0 = 1000000000 .*65536/),
    unet("attention_head_dim", 1e9, /<=65536/),
    unet("down_block_types", new Array(17).fill("DownBlock2D"), /<=16/),
    ["vae-f8", "layers_per_block", 1e8, /<=64/],
    ["vae-f8", "block_out_channels", new Array(17).fill(32), /<=16/],
    ["clip-quick-gelu", "num_hidden_layers", 1e9, /<=256/],
    ["clip-quick-gelu", "max_position_embeddings", 1e9, /<=65536/],
    ["clip-quick-gelu", "max_position_embeddings", 2, />=3/],
    ["vae-f8", "latent_channels", -4, /latent_channels = -4/],
    ["vae-f8", "up_block_types", ["UpDecoderBlock2D"], /must have 4 entries/],
    ["clip-quick-gelu", "hidden_act", "tanh", /quick_gelu/],
    ["clip-quick-gelu", "num_attention_heads", 5, /must be a multiple/],
    ["clip-quick-gelu", "use_attention_mask", true, /use_attention_mask = true/],
    ["unet-ddpm", "down_block_types", ["SkipDownBlock2D"], /"SkipDownBlock2D" is not supported/],
    ["unet-ddpm", "downsample_type", "resnet", /downsample_type = "resnet" is not supported: .*conv/],
    ["unet-ddpm", "time_embedding_type", "learned", /positional/],
    ["unet-ddpm", "resnet_time_scale_shift", "scale_shift", /attn_norm_num_groups|must be given/],
    ["unet-ddpm", "attention_head_dim", 3, /must divide the 8 channels/],
    ["unet-ddpm", "up_block_types", ["UpBlock2D"], /must have 3 entries/],
    ["unet-ddpm", "layers_per_block", 1e8, /<=64/],
    ["vae-tiny", "decoder_block_out_channels", [8, 8, 8, 16], /must be all the same/],
    ["vae-tiny", "num_decoder_blocks", [1, 2], /must have 2 entries/],
    ["vae-tiny", "upsample_fn", "bilinear", /nearest/],
    ["vae-tiny", "upsampling_scaling_factor", 4, /upsampling_scaling_factor = 4/],
  ];
  test.each(cases)("%s: %s = %j", async (folder, option, value, message) => {
    const error = await refusal(folder, { [option]: value });
    expect(error.message).toMatch(message);
    expect(error.details).toMatchObject({ problem: "unsupported" });
  });

  test("an unknown block", async () => {
    const error = await refusal("unet-sd1", { down_block_types: ["CrossAttnDownBlock2D", "KDownBlock2D"] });
    expect(error.message).toMatch(/down_block_types\.1 = "KDownBlock2D" is not supported: .*AttnDownBlock2D/);
  });

  test("a value of megabytes, of which the message shows the beginning", async () => {
    const { message } = await refusal("unet-sd1", { layers_per_block: new Array(1e5).fill(1) });
    expect(message.length).toBeLessThan(400);
  });

  test("a configuration that is no object", async () => {
    const { weights } = await load("unet-sd1");
    for (const config of [null, [], "UNet2DConditionModel", 1])
      expect(() => buildUNet(config, weights)).toThrow(ModelError);
  });
});

describe("a tensor that does not fit is refused by name", () => {
  test("missing", async () => {
    const { weights } = await load("unet-sd1");
    const lost = "mid_block.attentions.0.proj_in.weight";
    const error = await refusal("unet-sd1", {}, { find: (name) => (name === lost ? undefined : weights.find(name)) });
    expect(error.message).toMatch(`${lost} [32, 32] is missing`);
    expect(error.details).toMatchObject({ problem: "missing", tensor: lost });
  });

  test("of another shape", async () => {
    const error = await refusal("unet-sd1", { cross_attention_dim: 16 });
    expect(error.message).toMatch(/attn2\.to_k\.weight has the shape \[16, 24\]; the configuration needs \[16, 16\]/);
    expect(error.details).toMatchObject({ problem: "shape" });
  });

  test("of another type", async () => {
    const { weights } = await load("vae-f8");
    const error = await refusal("vae-f8", {}, { find: (name) => ({ ...weights.find(name)!, dtype: "F64" }) });
    expect(error.message).toMatch(/stored as F64; F32, F16, BF16, .* and GGUF's types work/);
  });
});

describe("an adapter", () => {
  test("is asked about every layer with weights, halves of a gated one apart", async () => {
    const { config, weights } = await load("unet-sd1");
    const calls: LayerCall[] = [];
    const adapter: LayerAdapter = (_graph, call) => {
      calls.push(call);
      return call.output;
    };
    buildUNet(config, weights, { adapter });
    const layers = [...weights.names()].filter((name) => name.endsWith(".weight") && !/norm/.test(name));
    expect(new Set(calls.map(({ name }) => `${name}.weight`))).toEqual(new Set(layers));
    const halves = calls.filter(({ name }) => name === "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj");
    expect(halves.map(({ rows }) => rows)).toEqual([
      [0, 128],
      [128, 256],
    ]);
  });

  test("replaces a layer's output", async () => {
    const { config, weights } = await load("vae-f8");
    const plain = buildVaeEncoder(config, weights).model;
    const doubled = buildVaeEncoder(config, weights, {
      adapter: (graph, { output }) => graph.node("Add", [output, output]),
    }).model;
    expect(doubled.length).toBeGreaterThan(plain.length);
  });
});
