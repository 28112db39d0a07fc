import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput, parseRequest } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fileWeights } from "../../files/weights.ts";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { readReferences } from "../../pipeline/read-references.ts";
import { flowFile, withRows } from "../../testing/flow-file.ts";
import { difference } from "../../testing/single-file.ts";
import { copyFixture, fixture, temporaryFolder } from "../../testing/test-model.ts";

const name = "families/flux3";
const folder = fixture(name);
const jsonOf = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));
const edited = async (file: string, change: object) =>
  copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } });

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ model: folder, threads: 1 });
});
afterAll(() => backend.dispose());

const request = { prompt: "a red apple", width: 64, height: 64, steps: 1, seed: 1 } satisfies GenerationInput;
const pictureOf = (width: number, height: number) =>
  encodeImage({ width, height, channels: 3, data: new Uint8Array(3 * width * height).fill(90) }, "png");
const references = async (...sizes: [width: number, height: number][]) =>
  Promise.all(sizes.map(async ([w, h]) => ({ kind: "reference", image: await pictureOf(w, h) }) as const));

describe("a modular pipeline's folder", () => {
  test("brings no scheduler, and draws in 16 steps without guidance where it is distilled, else in 50 with it", async () => {
    const { traits, scheduler } = await readModelFolder(folder);
    expect(traits).toMatchObject({ steps: 16, guidanceScale: 1, guidance: "none", defaultWidth: 1024 });
    expect(scheduler).toMatchObject({ _class_name: "FlowMatchEulerDiscreteScheduler", shift: 6.93 });
    const { conditioning, maxPromptTokens, features } = await backend.capabilities();
    expect(conditioning).toEqual(["reference"]);
    expect(maxPromptTokens).toBe(8184);
    expect(features).not.toContain("guidance");
    const base = await edited("transformer/config.json", { flow_map: false });
    expect((await readModelFolder(base)).traits).toMatchObject({ steps: 50, guidanceScale: 3.5 });
  });

  test("may bring one", async () => {
    const own = { _class_name: "FlowMatchEulerDiscreteScheduler", shift: 3 };
    const copy = await copyFixture(name);
    await mkdir(join(copy, "scheduler"));
    await writeFile(join(copy, "scheduler/scheduler_config.json"), JSON.stringify(own));
    expect((await readModelFolder(copy)).scheduler).toMatchObject({ shift: 3 });
  });

  test("saved without its tokenizer names what one would be", async () => {
    const index = await jsonOf("modular_model_index.json");
    const hint = { ...index.tokenizer[2], type_hint: ["transformers", "AutoProcessor"] };
    const copy = await edited("modular_model_index.json", { tokenizer: [null, null, hint] });
    expect((await readModelFolder(copy)).tokenizers).toEqual({ tokenizer: join(copy, "tokenizer") });
  });
});

test("a scale that has no effect draws a warning, a negative prompt is refused", async () => {
  const job = createClient({ backend }).generate({ ...request, guidanceScale: 4 });
  const warned: unknown[] = [];
  for await (const event of job) if (event.type === "warning") warned.push(event.field);
  expect(warned).toContain("guidanceScale");
  const drawn = createClient({ backend }).generate({ ...request, negativePrompt: "blurry" });
  await expect(drawn).rejects.toThrow(/negativePrompt/);
});

describe("reference pictures", () => {
  const read = async (...sizes: [number, number][]) => {
    const { traits } = await readModelFolder(folder);
    const asked = parseRequest({ prompt: "x", conditioning: await references(...sizes) });
    const pictures = await readReferences(asked, traits, new AbortController().signal);
    return pictures!.references.map(({ width, height }) => [width, height]);
  };

  // Flux3ImageProcessor of diffusers 0.42.1.
  test.each([
    [
      [100, 79],
      [112, 80],
    ],
    [
      [20, 300],
      [64, 304],
    ],
    [
      [3000, 2000],
      [2496, 1664],
    ],
    [
      [64, 64],
      [64, 64],
    ],
  ] as [[number, number], [number, number]][])("one alone of %j is filled up to %j", async (size, whole) => {
    expect(await read(size)).toEqual([whole]);
  });

  test("several are made smaller to a million pixels, and cut to multiples of 16", async () => {
    expect(await read([2000, 1000], [100, 79])).toEqual([
      [1440, 720],
      [96, 64],
    ]);
  });

  test.each([
    [
      "small",
      [
        [16, 12],
        [64, 64],
      ],
      /conditioning\[0\]\.image.*at least 16 pixels/,
    ],
    ["many", new Array(11).fill([64, 64]), /conditioning\[10\].*10 reference pictures at most/],
  ] as [string, [number, number][], RegExp][])(
    "that are too %s are refused by their field",
    async (_, sizes, message) => {
      const drawn = createClient({ backend }).generate({ ...request, conditioning: await references(...sizes) });
      await expect(drawn).rejects.toThrow(message);
    },
  );
});

test("a transformer's file in Black Forest Labs' naming draws with what is found beside it", async () => {
  const root = await temporaryFolder();
  const at = (...names: string[]) => join(root, ...names);
  for (const each of ["diffusion_models", "text_encoders", "vae"]) await mkdir(at(each));
  const model = await flowFile("flux3.safetensors", at("diffusion_models"));
  const text = join(folder, "text_encoder/model.safetensors");
  const table = [...(await fileWeights(text)).names()].find((each) => each.endsWith("embed_tokens.weight"));
  await withRows(text, at("text_encoders", "qwen3vl_4b.safetensors"), table!, 151_936);
  for (const each of ["config.json", "diffusion_pytorch_model.safetensors"])
    await cp(join(folder, "vae", each), at("vae", each));
  const own = local({ model, threads: 1 });
  const draw = async (prompt: string) => {
    const { images } = await createClient({ backend: own }).generate({ ...request, prompt, steps: 2 });
    return (await images[0]!.pixels()).data;
  };
  expect(difference(await draw("a red apple"), await draw("a green dog")).mean).toBeGreaterThan(0.5);
  await own.dispose();
});

test.each([
  ["transformer/config.json", { joint_attention_dim: 32 }, /joint_attention_dim 32 does not match.*64 wide/],
  ["transformer/config.json", { axes_dims_rope: [4, 4, 4, 8] }, /axes_dims_rope.*must add up to attention_head_dim/],
  ["transformer/config.json", { cond_in_channels: 16 }, /cond_in_channels 16 must be as in_channels 32/],
  ["modular_model_index.json", { _class_name: "WanModularPipeline" }, /_class_name is "WanModularPipeline"/],
  ["modular_model_index.json", { vae: ["diffusers", "AutoencoderKL", {}] }, /modular.*vae is "AutoencoderKL"/],
])("%s with %o is refused", async (file, change, message) => {
  await expect(readModelFolder(await edited(file, change))).rejects.toThrow(message);
});

test("a text encoder with too few layers is refused", async () => {
  const config = await jsonOf("text_encoder/config.json");
  const text_config = { ...config.text_config, num_hidden_layers: 20 };
  const copy = await edited("text_encoder/config.json", { text_config });
  await expect(readModelFolder(copy)).rejects.toThrow(/num_hidden_layers is 20; states after 4, 8/);
});

test("a picture to begin with is refused", async () => {
  const image = await pictureOf(64, 64);
  const drawn = createClient({ backend }).generate({ ...request, task: "image-to-image", image } as GenerationInput);
  await expect(drawn).rejects.toThrow(/task/);
});
