import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type GenerationInput } from "@latentkit/core";
import { InferenceSession } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { fileWeights } from "../../files/weights.ts";
import { local } from "../../local.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { foundFlow } from "../../models/original/flow-kinds.ts";
import { buildSanaTransformer } from "../../networks/sana-transformer/sana-transformer.ts";
import { planModel } from "../../plan-model.ts";
import { flowFile } from "../../testing/flow-file.ts";
import { networkCases, relativeError } from "../../testing/network-cases.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";

const name = "families/sana";
const folder = fixture(name);
// A scheduler's bound is written as Python writes it.
const jsonOf = async (file: string) =>
  JSON.parse((await readFile(join(folder, file), "utf8")).replace("-Infinity", "-1000"));
const edited = async (file: string, change: object) =>
  readModelFolder(await copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } }));
const draw = async (asked: Partial<GenerationInput>) => {
  const backend = local({ model: folder, threads: 1 });
  const request = { prompt: "a red apple", width: 64, height: 64, steps: 2, seed: 1, ...asked } as GenerationInput;
  const { images, warnings } = await createClient({ backend }).generate(request);
  await backend.dispose();
  return { data: (await images[0]!.pixels()).data, warnings };
};

test("what a request leaves open is as published, the size the network's", async () => {
  const { traits } = await readModelFolder(folder);
  expect(traits).toMatchObject({ steps: 20, guidanceScale: 4.5, defaultWidth: 64, multipleOf: 8, patchSize: 1 });
  expect(traits.tokenizers).toMatchObject({ tokenizer: { kind: "text", maxPositions: 300 } });
  expect((await edited("transformer/config.json", { sample_size: 128 })).traits).toMatchObject({ defaultWidth: 1024 });
});

test("a prompt is read in small letters, without blanks around it; of a long one the end is cut off with a warning", async () => {
  const { data } = await draw({ prompt: "  A Red APPLE\n" });
  expect(data).toEqual((await draw({})).data);
  const long = "a red apple, ".repeat(150);
  const { warnings } = await draw({ prompt: long, negativePrompt: long, guidanceScale: 3 });
  const told = warnings.filter(({ code }) => code === "prompt_truncated");
  expect(told.map(({ field }) => field).toSorted()).toEqual(["negativePrompt", "prompt"]);
  for (const { message } of told) expect(message).toMatch(/takes 300 tokens; this was left off: "/);
});

test("the VAE's memory is planned", async () => {
  const at = async (side: number) => {
    const { networks } = await planModel(folder, { width: side, height: side });
    return networks.find(({ network }) => network === "vaeDecoder")!.between;
  };
  const [small, large] = [await at(256), await at(512)];
  // Three values of 4 channels at the full size, in float32, and half as much for what is beside them.
  expect(small).toBeGreaterThan(1.5 * 3 * 4 * 4 * 256 * 256);
  expect(small).toBeLessThan(1.5 * 6 * 4 * 4 * 256 * 256);
  expect(large / small).toBeCloseTo(4, 1);
});

test("in its authors' naming its network computes the same", async () => {
  const { weights, kind } = foundFlow(await fileWeights(await flowFile("sana.safetensors")))!;
  expect(kind.deduce(weights)).toMatchObject({ sample_size: 8, interpolation_scale: null, mlp_ratio: 2.5 });
  const network = networkCases.find((each) => each.name === "sana's transformer transformer")!;
  const { model, sessionOptions } = buildSanaTransformer(await jsonOf("transformer/config.json"), weights);
  const oracle = await network.oracle();
  const session = await InferenceSession.create(model, sessionOptions);
  const feeds = Object.fromEntries(["sample", "text", "timestep"].map((each) => [each, oracle.get(`in.${each}`)!]));
  const { velocity } = await session.run(feeds);
  const expected = oracle.get("out.velocity")!.data as Float32Array;
  expect(relativeError(velocity!.data as Float32Array, expected)).toBeLessThan(1e-5);
});

describe("what can't be is refused", () => {
  test.each([
    ["transformer/config.json", { caption_channels: 32 }, /caption_channels 32 does not match .*hidden_size 24/],
    ["transformer/config.json", { out_channels: 12 }, /out_channels 12 must be in_channels 8, or twice that/],
    ["transformer/config.json", { guidance_embeds: true }, /guidance_embeds = true is not supported/],
    ["transformer/config.json", { patch_size: 2 }, /patch_size = 2 is not supported/],
    ["transformer/config.json", { cross_attention_dim: 32 }, /cross_attention_dim.*times attention_head_dim/],
    ["vae/config.json", { upsample_block_type: "pixel_shuffle" }, /upsample_block_type = "pixel_shuffle"/],
    ["vae/config.json", { decoder_norm_types: "batch_norm" }, /decoder_norm_types = "batch_norm"/],
    ["vae/config.json", { latent_channels: 4 }, /in_channels 8 does not match .*latent_channels 4/],
    ["vae/config.json", { decoder_layers_per_block: [1, 1] }, /decoder_layers_per_block.*must have 4 entries/],
    ["scheduler/scheduler_config.json", { use_dynamic_shifting: true }, /use_dynamic_shifting true is not supported/],
    ["model_index.json", { _class_name: "SanaSprintPipeline" }, /"SanaSprintPipeline"; supported/],
  ])("%s with %o", async (file, change, message) => {
    await expect(edited(file, change)).rejects.toThrow(message);
  });
});
