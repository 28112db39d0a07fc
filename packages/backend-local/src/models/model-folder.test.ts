import { execFile } from "node:child_process";
import { chmod, readdir, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { readSafetensors } from "../files/safetensors.ts";
import { copyModel, fixtureModel, hubCache, temporaryFolder } from "../testing/test-model.ts";
import { inspectModel } from "./inspect-model.ts";
import { readModelFolder } from "./model-folder.ts";

const unetWeights = "unet/diffusion_pytorch_model.safetensors";

async function json(file: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(fixtureModel("sd1"), file), "utf8"));
}

test("sizes come from the configs", async () => {
  expect((await readModelFolder(fixtureModel("sd1"))).traits).toMatchObject({
    scale: 8,
    multipleOf: 8,
    minSide: 16,
    defaultWidth: 64,
    defaultHeight: 64,
    latentChannels: 4,
    scalingFactor: 0.18215,
    textLayers: 2,
    tokenizers: { tokenizer: { maxPositions: 77 } },
  });
  expect((await readModelFolder(fixtureModel("f4"))).traits).toMatchObject({
    scale: 4,
    defaultWidth: 48,
    latentChannels: 8,
    scalingFactor: 0.5,
  });
  const wide = await copyModel("sd1", {
    "unet/config.json": { ...(await json("unet/config.json")), sample_size: [8, 16] },
  });
  expect((await readModelFolder(wide)).traits).toMatchObject({ defaultWidth: 128, defaultHeight: 64 });
});

test("a size below the smallest is raised to it, one beyond the largest is refused", async () => {
  const config = await json("unet/config.json");
  const tiny = await copyModel("sd1", { "unet/config.json": { ...config, sample_size: 1 } });
  expect((await readModelFolder(tiny)).traits).toMatchObject({ minSide: 16, defaultWidth: 16, defaultHeight: 16 });
  const largest = await copyModel("sd1", { "unet/config.json": { ...config, sample_size: 512 } });
  expect((await readModelFolder(largest)).traits).toMatchObject({ maxSide: 4096, defaultWidth: 4096 });
});

test("a size below 64 of a config from before diffusers 0.9 is taken for a slip, as its pipelines take it", async () => {
  const config = await json("unet/config.json");
  const sizes = [
    ["0.8.1", 8, 512],
    ["0.6.0.dev0", 8, 512],
    ["0.9.0", 8, 64],
    ["0.9.0.dev0", 8, 64],
    ["0.8.1", [8, 8], 64],
    ["0.8.1", 96, 768],
    [undefined, 8, 64],
  ] as const;
  for (const [version, size, side] of sizes) {
    const old = { ...config, _diffusers_version: version, sample_size: size };
    const { traits } = await readModelFolder(await copyModel("sd1", { "unet/config.json": old }));
    expect(traits, `${version}, ${size}`).toMatchObject({ defaultWidth: side, defaultHeight: side });
  }
});

test("what diffusers does not look at is no reason to refuse: the classes are the index's", async () => {
  const text = await json("text_encoder/config.json");
  for (const [file, changes] of [
    ["unet/config.json", { _class_name: "UNet2DModel" }],
    ["vae/config.json", { _class_name: "AutoencoderTiny" }],
    ["text_encoder/config.json", { architectures: ["CLIPModel"], projection_dim: 0 }],
    ["text_encoder/config.json", { architectures: null }],
    ["text_encoder/config.json", { ...text, architectures: ["CLIPTextModel", "CLIPModel"] }],
  ] as const) {
    const folder = await copyModel("sd1", { [file]: { ...(await json(file)), ...changes } });
    await expect(inspectModel(folder)).resolves.toMatchObject({ components: { length: 3 } });
  }
});

describe("a folder that cannot be used is a ModelError naming the file", async () => {
  const index = await json("model_index.json");
  const cases: [what: string, file: string, changes: Record<string, unknown>, message: RegExp][] = [
    ["no index", "model_index.json", { "model_index.json": undefined }, /not a model folder/],
    ["an index that is not JSON", "model_index.json", { "model_index.json": "{" }, /not JSON/],
    ["an index that is a list", "model_index.json", { "model_index.json": [] }, /JSON object/],
    [
      "another pipeline",
      "model_index.json",
      { "model_index.json": { _class_name: "HunyuanDiTPipeline" } },
      /StableDiffusionPipeline/,
    ],
    ["no config", "vae/config.json", { "vae/config.json": undefined }, /missing/],
    ["no scheduler", "scheduler/scheduler_config.json", { "scheduler/scheduler_config.json": undefined }, /missing/],
    [
      "an unknown scheduler",
      "model_index.json",
      { "model_index.json": { ...index, scheduler: ["diffusers", "MyScheduler"] } },
      /MyScheduler.*DDIMScheduler/s,
    ],
    [
      "a scheduler's number",
      "scheduler/scheduler_config.json",
      { "scheduler/scheduler_config.json": { _class_name: "DDIMScheduler", num_train_timesteps: 0 } },
      /^\S+: num_train_timesteps must be/,
    ],
    ["no weights", "unet", { [unetWeights]: undefined }, /holds no weights/],
    [
      "pickled weights",
      "unet/diffusion_pytorch_model.bin",
      { [unetWeights]: undefined, "unet/diffusion_pytorch_model.bin": "x" },
      /pickled/,
    ],
    ["weights that are none", unetWeights, { [unetWeights]: "{}" }, /not a safetensors file/],
    ["no tokenizer", "tokenizer", { "tokenizer/vocab.json": undefined }, /tokenizer\.json/],
  ];
  test.each(cases)("%s", async (_, file, changes, message) => {
    const folder = await copyModel("sd1", changes);
    await expect(readModelFolder(folder)).rejects.toMatchObject({
      code: "model",
      backend: "local",
      message: expect.stringMatching(message),
      details: { file: join(folder, file) },
    });
  });

  test
    .skipIf(process.platform === "win32")
    .each([
      "model_index.json",
      "unet/config.json",
      unetWeights,
      "tokenizer/merges.txt",
      "tokenizer/special_tokens_map.json",
    ])("a named pipe in place of %s, which would never come to its end", async (file) => {
    const folder = await copyModel("sd1", { [file]: undefined });
    await promisify(execFile)("mkfifo", [join(folder, file)]);
    await expect(readModelFolder(folder)).rejects.toMatchObject({
      code: "model",
      message: `${join(folder, file)} is not a file`,
      details: { file: join(folder, file) },
    });
  });

  test("a config too large or too deep to be one", async () => {
    const file = "vae/config.json";
    const large = await copyModel("sd1", { [file]: " ".repeat(8 * 2 ** 20 + 1) });
    await expect(readModelFolder(large)).rejects.toThrow(/at most 8388608 are plausible/);
    const deep = await copyModel("sd1", { [file]: `{"a":${"[".repeat(1e5)}` });
    await expect(readModelFolder(deep)).rejects.toThrow(/nests deeper than 64 levels/);
  });

  test("what is wrong with the JSON is told", async () => {
    const folder = await copyModel("sd1", { "vae/config.json": '{"act_fn": silu}' });
    await expect(readModelFolder(folder)).rejects.toThrow(/is not JSON: Unexpected token 's'/);
  });

  const options: [config: string, option: string, value: unknown][] = [
    ["unet", "mid_block_type", "NoSuchBlock2D"],
    ["unet", "in_channels", 7],
    ["unet", "class_embed_type", "timestep"],
    ["unet", "sample_size", "large"],
    ["unet", "sample_size", 513],
    ["unet", "sample_size", 1e9],
    ["unet", "sample_size", [8, 8, 8]],
    ["unet", "cross_attention_dim", 12],
    ["vae", "out_channels", 4],
    ["vae", "scaling_factor", 0],
    ["text_encoder", "num_attention_heads", 3],
  ];
  test.each(options)("%s: %s = %j", async (part, option, value) => {
    const config = `${part}/config.json`;
    const folder = await copyModel("sd1", { [config]: { ...(await json(config)), [option]: value } });
    await expect(readModelFolder(folder)).rejects.toMatchObject({
      code: "model",
      details: { file: join(folder, config), option },
    });
  });

  test.each([
    ["text_encoder", ["transformers", "T5EncoderModel"]],
    ["unet", ["diffusers", "FluxTransformer2DModel"]],
    ["vae", null],
  ])("component %s = %j", async (component, value) => {
    const folder = await copyModel("sd1", {
      "model_index.json": { ...(await json("model_index.json")), [component]: value },
    });
    await expect(readModelFolder(folder)).rejects.toMatchObject({
      code: "model",
      details: { file: join(folder, "model_index.json"), option: component },
    });
  });

  test("no folder, and files in its place", async () => {
    const folder = await temporaryFolder();
    await expect(readModelFolder(join(folder, "none"))).rejects.toMatchObject({
      code: "model",
      details: { problem: "missing" },
    });
    await writeFile(join(folder, "some.safetensors"), "");
    await expect(readModelFolder(join(folder, "some.safetensors"))).rejects.toThrow("is a file; a folder");
  });

  test("truncated weights", async () => {
    const folder = await copyModel("sd1");
    await truncate(join(folder, unetWeights), 5000);
    await expect(readModelFolder(folder)).rejects.toMatchObject({ details: { file: join(folder, unetWeights) } });
  });
});

describe("identity", () => {
  test("the same content has the same hash wherever it lies, under a name without a path", async () => {
    const [plain, cached] = [fixtureModel("sd1"), await hubCache("sd1")];
    const a = await readModelFolder(plain);
    const b = await readModelFolder(cached);
    expect(a.identity.id).toBe("sd1");
    expect(b.identity).toEqual({ id: "someone/sd1@0123abcd", hash: a.identity.hash });
    expect(a.identity.hash).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test("a changed weight, scheduler or vocabulary is another model", async () => {
    const folder = await copyModel("sd1");
    const hashes = new Set([(await readModelFolder(folder)).identity.hash]);
    const bytes = await readFile(join(folder, unetWeights));
    const { offset } = (await readSafetensors(join(folder, unetWeights))).tensors.get("conv_out.bias")!;
    bytes[offset] = bytes[offset]! ^ 1;
    await writeFile(join(folder, unetWeights), bytes);
    hashes.add((await readModelFolder(folder)).identity.hash);
    await writeFile(join(folder, "tokenizer/merges.txt"), "#version: 0.2\n");
    hashes.add((await readModelFolder(folder)).identity.hash);
    const scheduler = { ...(await json("scheduler/scheduler_config.json")), steps_offset: 0 };
    await writeFile(join(folder, "scheduler/scheduler_config.json"), JSON.stringify(scheduler));
    hashes.add((await readModelFolder(folder)).identity.hash);
    expect(hashes.size).toBe(4);
  });
});

test("a byte order mark before the JSON is passed over", async () => {
  const folder = await copyModel("sd1");
  for (const file of ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json"])
    await writeFile(join(folder, file), `\ufeff${JSON.stringify(await json(file))}`);
  await expect(readModelFolder(folder)).resolves.toMatchObject({ traits: { scale: 8 } });
});

test("infinities as Python writes them are read", async () => {
  const scheduler = await json("scheduler/scheduler_config.json");
  const text = JSON.stringify({ ...scheduler, note: 'NaN and \\ "Infinity"' }).replace(
    "{",
    '{"a": -Infinity, "b": NaN, ',
  );
  const folder = await copyModel("sd1", { "scheduler/scheduler_config.json": text });
  expect((await readModelFolder(folder)).scheduler).toMatchObject({
    a: Number.NEGATIVE_INFINITY,
    b: null,
    note: 'NaN and \\ "Infinity"',
  });
});

test("a variant's files are taken where a part has them", async () => {
  const folder = await copyModel("sd1");
  await rename(join(folder, unetWeights), join(folder, "unet/diffusion_pytorch_model.fp16.safetensors"));
  const model = await readModelFolder(folder, { variant: "fp16" });
  expect(model.files.some((file) => file.endsWith("diffusion_pytorch_model.fp16.safetensors"))).toBe(true);
  expect(model.files.some((file) => file.endsWith("vae/diffusion_pytorch_model.safetensors"))).toBe(true);
  await expect(readModelFolder(folder)).resolves.toMatchObject({ identity: model.identity });
});

test("nothing is written into the folder", async () => {
  const folder = await copyModel("sd1");
  const before = await readdir(folder, { recursive: true });
  await chmod(folder, 0o555);
  await readModelFolder(folder);
  expect(await readdir(folder, { recursive: true })).toEqual(before);
  await chmod(folder, 0o755);
});
