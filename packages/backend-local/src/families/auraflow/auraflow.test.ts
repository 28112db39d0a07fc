import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type GenerationInput } from "@latentkit/core";
import { InferenceSession } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { fileWeights } from "../../files/weights.ts";
import { local } from "../../local.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { foundFlow } from "../../models/original/flow-kinds.ts";
import { buildAuraFlowTransformer } from "../../networks/auraflow-transformer/auraflow-transformer.ts";
import { flowFile } from "../../testing/flow-file.ts";
import { networkCases, relativeError } from "../../testing/network-cases.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";

const name = "families/auraflow";
const folder = fixture(name);
const jsonOf = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));
const edited = async (file: string, change: object) =>
  readModelFolder(await copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } }));

test("what a request leaves open is as published", async () => {
  const { traits } = await readModelFolder(folder);
  expect(traits).toMatchObject({ steps: 50, guidanceScale: 3.5, multipleOf: 16 });
  expect(traits.tokenizers).toMatchObject({ tokenizer: { kind: "text", maxPositions: 256 } });
  const wider = await edited("transformer/config.json", { pos_embed_max_size: 96 ** 2 });
  expect(wider.traits).toMatchObject({ defaultWidth: 1024, defaultHeight: 1024, maxSide: 1536 });
});

test("a picture of more tokens on a side than there are places for is refused", async () => {
  const client = createClient({ backend: local({ model: folder, threads: 1 }) });
  const asked = { prompt: "a red apple", width: 128, height: 64, steps: 1 } satisfies GenerationInput;
  await expect(client.generate(asked)).rejects.toThrow(/width.*96/);
  await client.dispose();
});

test("in its authors' naming its network computes the same", async () => {
  const file = await fileWeights(await flowFile("auraflow.safetensors"));
  const { weights } = foundFlow(file)!;
  const network = networkCases.find((each) => each.name === "auraflow's transformer transformer")!;
  const { model, sessionOptions } = buildAuraFlowTransformer(await jsonOf("transformer/config.json"), weights);
  const oracle = await network.oracle();
  const session = await InferenceSession.create(model, sessionOptions);
  const names = ["image", "places", "text", "timestep"];
  const { velocity } = await session.run(Object.fromEntries(names.map((each) => [each, oracle.get(`in.${each}`)!])));
  const expected = oracle.get("out.velocity")!.data as Float32Array;
  expect(relativeError(velocity!.data as Float32Array, expected)).toBeLessThan(1e-5);
});

test("a file alone is refused for want of a tokenizer, which a folder brings", async () => {
  const backend = local({ model: await flowFile("auraflow.safetensors"), threads: 1 });
  const asked = { prompt: "a red apple", width: 64, height: 64, steps: 1 } satisfies GenerationInput;
  await expect(createClient({ backend }).generate(asked)).rejects.toThrow(/AuraFlow.*tokenizer.*parts/);
  await backend.dispose();
});

describe("what can't be is refused", () => {
  test.each([
    ["transformer/config.json", { joint_attention_dim: 32 }, /joint_attention_dim 32 does not match .*d_model 24/],
    ["transformer/config.json", { out_channels: 8 }, /out_channels 8 must be in_channels 4/],
    ["transformer/config.json", { pos_embed_max_size: 40 }, /pos_embed_max_size.*must be a square/],
    ["transformer/config.json", { caption_projection_dim: 32 }, /caption_projection_dim.*attention_head_dim times/],
    ["transformer/config.json", { in_channels: 16, out_channels: 16 }, /in_channels 16 does not match .*channels 4/],
    ["text_encoder/config.json", { model_type: "t5" }, /model_type = "t5" is not supported/],
    ["text_encoder/config.json", { feed_forward_proj: "relu" }, /feed_forward_proj = "relu"/],
  ])("%s with %o", async (file, change, message) => {
    await expect(edited(file, change)).rejects.toThrow(message);
  });
});
