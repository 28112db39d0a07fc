import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../files/safetensors.ts";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { type FileTensor, tensorsOf, writeTensors } from "../testing/rewrite-safetensors.ts";
import { copyModel, fixtureModel } from "../testing/test-model.ts";
import { inspectModel } from "./inspect-model.ts";

// One model in the layouts that its kind is found in: each must make diffusers' picture of the plain folder.
const plain = fixtureModel("sd1");
const [own] = JSON.parse(await readFile(`${plain}.json`, "utf8"));

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

async function diffusersPicture(): Promise<Uint8Array> {
  const path = `${plain}.safetensors`;
  const { offset, length } = (await readSafetensors(path)).tensors.get("own.images")!;
  return (await readFile(path)).subarray(offset, offset + length / own.request.count);
}

async function apart(model: string, from: LocalBackend = backend): Promise<{ mean: number; max: number }> {
  const { images } = await createClient({ backend: from }).generate({ ...own.request, count: 1, model });
  const [{ data }, expected] = [await images[0]!.pixels(), await diffusersPicture()];
  expect(data).toHaveLength(expected.length);
  const each = data.map((value, i) => Math.abs(value - expected[i]!));
  return { mean: each.reduce((sum, value) => sum + value, 0) / each.length, max: Math.max(...each) };
}

async function expectSame(model: string, from?: LocalBackend): Promise<void> {
  const { mean, max } = await apart(model, from);
  expect(mean).toBeLessThan(0.5);
  expect(max).toBeLessThanOrEqual(8);
}

const unet = "unet/diffusion_pytorch_model";
const vae = "vae/diffusion_pytorch_model";
const text = "text_encoder/model";

async function change(folder: string, part: string, map: (tensor: FileTensor) => FileTensor): Promise<void> {
  const path = join(folder, `${part}.safetensors`);
  await writeTensors(path, (await tensorsOf(path)).map(map));
}

const renamed = (pairs: readonly (readonly [RegExp, string])[]) => (tensor: FileTensor) => ({
  ...tensor,
  name: pairs.reduce((name, [from, to]) => name.replace(from, to), tensor.name),
});

/** Splits a part's weights over two files and an index. */
async function shard(folder: string, part: string, index: string, fileOf: (n: number) => string): Promise<void> {
  const path = join(folder, `${part}.safetensors`);
  const tensors = await tensorsOf(path);
  const half = tensors.length >> 1;
  const shards = [tensors.slice(0, half), tensors.slice(half)];
  for (const [i, each] of shards.entries()) await writeTensors(join(path, "..", fileOf(i + 1)), each);
  const map = shards.flatMap((each, i) => each.map(({ name }) => [name, fileOf(i + 1)]));
  await writeFile(join(path, "..", index), JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(map) }));
  await rm(path);
}

describe("layouts that folders are found in", () => {
  test.each([
    [
      "as index.json beside",
      "diffusion_pytorch_model.safetensors.index.json",
      (n: number) => `diffusion_pytorch_model-0000${n}-of-00002.safetensors`,
    ],
    [
      "of a variant",
      "diffusion_pytorch_model.safetensors.index.fp16.json",
      (n: number) => `diffusion_pytorch_model.fp16-0000${n}-of-00002.safetensors`,
    ],
    [
      "of a variant, in the old naming",
      "diffusion_pytorch_model.fp16.safetensors.index.json",
      (n: number) => `diffusion_pytorch_model-0000${n}-of-00002.fp16.safetensors`,
    ],
  ])("shards %s", async (_, index, fileOf) => {
    const folder = await copyModel("sd1");
    await shard(folder, unet, index, fileOf);
    await expectSame(folder);
  });

  test.each(["fp16", "non_ema", "bf16"])("the variant %s alone, named or not", async (variant) => {
    const folder = await copyModel("sd1");
    for (const part of [unet, vae, text])
      await rename(join(folder, `${part}.safetensors`), join(folder, `${part}.${variant}.safetensors`));
    await expectSame(folder);
    const named = local({ threads: 1, variant });
    await expectSame(folder, named);
    await named.dispose();
  });

  test("a variant of some parts, the plain files of the others, and a broken plain file that is not looked at", async () => {
    const folder = await copyModel("sd1");
    await rename(join(folder, `${unet}.safetensors`), join(folder, `${unet}.fp16.safetensors`));
    await writeFile(join(folder, `${unet}.safetensors`), "Entry not found");
    const named = local({ threads: 1, variant: "fp16" });
    await expectSame(folder, named);
    await named.dispose();
  });

  test("a variant that no part has, or that has to be chosen, is told", async () => {
    const folder = await copyModel("sd1");
    await expect(inspectModel(folder, "fp16")).rejects.toThrow(/No part of .* has the variant "fp16": it has none/);
    for (const variant of ["ema", "non_ema"])
      await writeTensors(
        join(folder, `${unet}.${variant}.safetensors`),
        await tensorsOf(join(folder, `${unet}.safetensors`)),
      );
    await expectSame(folder);
    await expect(inspectModel(folder, "fp16")).rejects.toThrow(/it has (ema, non_ema|non_ema, ema)/);
    await rm(join(folder, `${unet}.safetensors`));
    await expect(inspectModel(folder)).rejects.toThrow(
      /no plain weights; its variants are (ema, non_ema|non_ema, ema)/,
    );
  });

  test("a text encoder's names with and without their prefix", async () => {
    const names = (await tensorsOf(join(plain, `${text}.safetensors`))).map(({ name }) => name);
    const has = names.every((name) => name.startsWith("text_model."));
    const folder = await copyModel("sd1");
    await change(folder, text, ({ name, ...rest }) => ({
      ...rest,
      name: has ? name.replace("text_model.", "") : `text_model.${name}`,
    }));
    await expectSame(folder);
  });

  test("a text encoder's table of positions as a buffer, which transformers once saved", async () => {
    const folder = await copyModel("sd1");
    const path = join(folder, `${text}.safetensors`);
    const ids = BigInt64Array.from({ length: 77 }, (_, i) => BigInt(i));
    const buffer = {
      name: "text_model.embeddings.position_ids",
      dtype: "I64",
      shape: [1, 77],
      bytes: new Uint8Array(ids.buffer),
    };
    await writeTensors(path, [...(await tensorsOf(path)), buffer]);
    await expectSame(folder);
  });

  test("a VAE's attention in the names from before diffusers 0.18, as linear layers and as 1×1 convolutions", async () => {
    const folder = await copyModel("sd1");
    const names = [
      [/\.to_q\./, ".query."],
      [/\.to_k\./, ".key."],
      [/\.to_v\./, ".value."],
      [/\.to_out\.0\./, ".proj_attn."],
    ] as const;
    await change(folder, vae, renamed(names));
    const changed = (await tensorsOf(join(folder, `${vae}.safetensors`))).filter(({ name }) =>
      name.includes(".proj_attn."),
    );
    expect(changed.length).toBeGreaterThan(0);
    await expectSame(folder);
    await change(folder, vae, (tensor) =>
      /\.(query|key|value|proj_attn)\.weight$/.test(tensor.name)
        ? { ...tensor, shape: [...tensor.shape, 1, 1] }
        : tensor,
    );
    await expectSame(folder);
  });

  test.each([
    ["present", ["stable_diffusion", "StableDiffusionSafetyChecker"]],
    ["null", null],
    ["[null, null]", [null, null]],
    ["missing", undefined],
  ])("a safety checker and its feature extractor that are %s", async (_, entry) => {
    const index = JSON.parse(await readFile(join(plain, "model_index.json"), "utf8"));
    const changed = { ...index, safety_checker: entry, feature_extractor: entry, image_encoder: entry };
    const folder = await copyModel("sd1", { "model_index.json": changed });
    await mkdir(join(folder, "safety_checker"));
    await writeFile(join(folder, "safety_checker/pytorch_model.bin"), "not looked at");
    await expectSame(folder);
  });

  test("classes by other libraries' names, and the fast tokenizer", async () => {
    const index = JSON.parse(await readFile(join(plain, "model_index.json"), "utf8"));
    const tokenizer = ["transformers", "CLIPTokenizerFast"];
    await expectSame(await copyModel("sd1", { "model_index.json": { ...index, tokenizer } }));
  });

  test("a part that must be there and is [null, null] is told by its name", async () => {
    const index = JSON.parse(await readFile(join(plain, "model_index.json"), "utf8"));
    const folder = await copyModel("sd1", { "model_index.json": { ...index, vae: [null, null] } });
    await expect(inspectModel(folder)).rejects.toThrow(/vae is null/);
  });
});
