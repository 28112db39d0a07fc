import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type GenerationInput } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { fileWeights } from "../../files/weights.ts";
import { local } from "../../local.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { readModel } from "../../models/read-model.ts";
import { qwenImageTemplate } from "../../prompts/chat-template.ts";
import { readTextTokenizer } from "../../prompts/text-tokenizer.ts";
import { flowFile, withRows } from "../../testing/flow-file.ts";
import { difference } from "../../testing/single-file.ts";
import { copyFixture, fixture, temporaryFolder } from "../../testing/test-model.ts";

const name = "families/krea2";
const folder = fixture(name);
const jsonOf = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));
const edited = async (file: string, change: object) =>
  readModelFolder(await copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } }));

test("Turbo draws in 8 steps without guidance, the base model in 28 with it", async () => {
  const { traits } = await readModelFolder(folder);
  expect(traits).toMatchObject({ steps: 8, guidanceScale: 0, unguidedScale: 0, defaultWidth: 1024, multipleOf: 16 });
  expect(traits.tokenizers).toMatchObject({ tokenizer: { maxPositions: 546, reserved: 39 } });
  const base = await edited("model_index.json", { is_distilled: false });
  expect(base.traits).toMatchObject({ steps: 28, guidanceScale: 4.5 });
});

test("a modular pipeline's folder is Turbo by its class", async () => {
  const { is_distilled: _, text_encoder_select_layers: __, ...index } = await jsonOf("model_index.json");
  const parts = Object.entries(index).map(([key, entry]) => [key, Array.isArray(entry) ? [...entry, {}] : entry]);
  const modular = { ...Object.fromEntries(parts), _class_name: "Krea2TurboModularPipeline" };
  const copy = await copyFixture(name, { "model_index.json": null, "modular_model_index.json": modular });
  expect((await readModelFolder(copy)).traits).toMatchObject({ steps: 8 });
  const base = { ...modular, _class_name: "Krea2ModularPipeline" };
  const other = await copyFixture(name, { "model_index.json": null, "modular_model_index.json": base });
  expect((await readModelFolder(other)).traits).toMatchObject({ steps: 28 });
});

test("a prompt that is cut off still ends as a chat, and what no longer fits is told", async () => {
  const backend = local({ model: folder, threads: 1 });
  const draw = async (prompt: string) => {
    const job = createClient({ backend }).generate({ prompt, width: 32, height: 32, steps: 1, seed: 1 });
    const warned: string[] = [];
    for await (const event of job) if (event.type === "warning" && event.field === "prompt") warned.push(event.message);
    return warned;
  };
  expect(await draw("a red apple")).toEqual([]);
  // Three words more than fit before the chat's end.
  const limits = { maxPositions: 546, vocabSize: 100_000 };
  const { before, after } = qwenImageTemplate;
  const words = await readTextTokenizer(join(folder, "tokenizer"), limits);
  const room = limits.maxPositions - words.tokens(before).length - words.tokens(after).length;
  const told = await draw(`apple${" apple".repeat(room + 2)}`);
  expect(words.tokens(`apple${" apple".repeat(room + 2)}`)).toHaveLength(room + 3);
  expect(told.join()).toMatch(/546 tokens; this was left off: "( apple){3}"/);
  await backend.dispose();
});

describe("a transformer's file in Krea AI's naming", () => {
  const place = async (file: string) => {
    const root = await temporaryFolder();
    const at = (...names: string[]) => join(root, ...names);
    for (const each of ["diffusion_models", "text_encoders", "vae"]) await mkdir(at(each));
    await cp(await flowFile("krea2.safetensors"), at("diffusion_models", file));
    const text = join(folder, "text_encoder/model.safetensors");
    const table = [...(await fileWeights(text)).names()].find((each) => each.endsWith("embed_tokens.weight"));
    await withRows(text, at("text_encoders", "qwen3vl_4b.safetensors"), table!, 151_936);
    for (const each of ["config.json", "diffusion_pytorch_model.safetensors"])
      await cp(join(folder, "vae", each), at("vae", each));
    return at("diffusion_models", file);
  };

  test("draws with the text encoder and the VAE that are found beside it", async () => {
    const model = await place("krea2_turbo_bf16.safetensors");
    const { traits, tokenizers } = await readModel(model);
    expect(traits).toMatchObject({ steps: 8, guidanceScale: 0 });
    expect(tokenizers).toEqual({ tokenizer: { shipped: "qwen" } });
    const backend = local({ model, threads: 1 });
    const draw = async (prompt: string) => {
      const { images } = await createClient({ backend }).generate({ prompt, width: 64, height: 64, steps: 2, seed: 1 });
      return (await images[0]!.pixels()).data;
    };
    expect(difference(await draw("a red apple"), await draw("a green dog")).mean).toBeGreaterThan(0.5);
    await backend.dispose();
  });

  test("called Raw is the base model", async () => {
    expect((await readModel(await place("Krea-2-Raw.safetensors"))).traits).toMatchObject({ steps: 28 });
  });
});

describe("what can't be is refused", () => {
  test.each([
    ["model_index.json", { text_encoder_select_layers: [1, 2] }, /select_layers is \[1,2\].*needs 12 layers' states/],
    ["model_index.json", { text_encoder_select_layers: new Array(12).fill(37) }, /num_hidden_layers is 36; states/],
    ["model_index.json", { patch_size: 4 }, /patch_size is 4; 2 is supported/],
    ["transformer/config.json", { text_hidden_dim: 24 }, /text_hidden_dim 24 does not match .*hidden_size 8/],
    ["transformer/config.json", { axes_dims_rope: [4, 4, 4] }, /axes_dims_rope.*must add up to attention_head_dim/],
    ["transformer/config.json", { num_key_value_heads: 3 }, /num_key_value_heads = 3.*must divide/],
    ["transformer/config.json", { in_channels: 32 }, /in_channels 8 does not match .*latent_channels 16/],
    ["vae/config.json", { latents_mean: [1, 2] }, /latents_mean.*must have 16 numbers/],
  ])("%s with %o", async (file, change, message) => {
    await expect(edited(file, change)).rejects.toThrow(message);
  });

  test("a reference picture", async () => {
    const backend = local({ model: folder, threads: 1 });
    const image = new Uint8Array(0);
    const asked = { prompt: "x", conditioning: [{ kind: "reference", image }] } as unknown as GenerationInput;
    await expect(createClient({ backend }).generate(asked)).rejects.toThrow(/conditioning\[0\]/);
    await backend.dispose();
  });
});
