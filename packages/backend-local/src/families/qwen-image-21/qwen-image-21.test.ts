import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput, type Pixels, parseRequest } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { familyJob } from "../../pipeline/family-job.ts";
import { planMemory } from "../../pipeline/plan-memory.ts";
import { readInputs } from "../../pipeline/read-inputs.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";

const name = "families/qwen-image-21";
const jsonOf = async (file: string) => JSON.parse(await readFile(join(fixture(name), file), "utf8"));
const edited = async (file: string, change: object) =>
  readModelFolder(await copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } }));

const { vision_config: vision } = await jsonOf("text_encoder/config.json");

test("what a request leaves open is as published, and steps are as many as a folder's own levels", async () => {
  const { traits, tokenizers } = await readModelFolder(fixture(name));
  expect(traits).toMatchObject({ steps: 40, guidanceScale: 1, defaultWidth: 1024, scale: 16, multipleOf: 32 });
  expect(tokenizers).toEqual({ tokenizer: join(fixture(name), "processor") });
  const own = await edited("model_index.json", { sample_sigmas: [1, 0.7, 0.4] });
  expect(own.traits.steps).toBe(3);
});

test("pictures have an alpha channel", async () => {
  const backend = local({ model: fixture(name), threads: 1 });
  const asked = { prompt: "x", width: 32, height: 32, steps: 1, seed: 1 } as const;
  const { images } = await createClient({ backend }).generate(asked);
  expect(await images[0]!.pixels()).toMatchObject({ width: 32, height: 32, channels: 4 });
  await backend.dispose();
});

describe("what can't be is refused", () => {
  test.each([
    ["transformer/config.json", { causal_condition: false }, /causal_condition = false is not supported/],
    ["transformer/config.json", { patch_size: 2 }, /patch_size = 2 is not supported/],
    ["transformer/config.json", { context_in_dim: 32 }, /context_in_dim 32 does not match .*hidden_size 8/],
    [
      "transformer/config.json",
      { in_channels: 8, out_channels: 8 },
      /in_channels 8 does not match .*latent_channels 16/,
    ],
    ["transformer/config.json", { axes_dims_rope: [4, 4, 4] }, /axes_dims_rope.*must add up to attention_head_dim/],
    ["vae/config.json", { latents_std: [1] }, /latents_std.*must have 16 entries/],
    ["vae/config.json", { is_residual: false }, /is_residual = false is not supported/],
    ["vae/config.json", { in_channels: 3 }, /in_channels is 3; pictures have 4 channels/],
    [
      "text_encoder/config.json",
      { vision_config: { ...vision, patch_size: 14 } },
      /patch_size 14, 2 to a token's side/,
    ],
    [
      "text_encoder/config.json",
      { vision_config: { ...vision, out_hidden_size: 4 } },
      /out_hidden_size 4 does not match/,
    ],
    ["text_encoder/config.json", { vision_config: { ...vision, num_position_embeddings: 50 } }, /must be a square/],
  ])("%s with %o", async (file, change, message) => {
    await expect(edited(file, change)).rejects.toThrow(message);
  });

  test.each([
    [{ loras: [{ model: "/none.safetensors" }] }, /loras\[0\]/],
    [{ conditioning: [{ kind: "reference", image: new Uint8Array(1) }] }, /conditioning\[0\]/],
    [{ width: 40 }, /width.*32/],
  ])("a request with %o", async (more, message) => {
    const backend = local({ model: fixture(name), threads: 1 });
    const asked = { prompt: "x", ...more } as unknown as GenerationInput;
    await expect(createClient({ backend }).generate(asked)).rejects.toThrow(message);
    await backend.dispose();
  });
});

describe("reference pictures", () => {
  const pictureOf = (width: number, height: number, colour: readonly number[] = [90, 90, 90]) => {
    const data = Uint8Array.from({ length: colour.length * width * height }, (_, i) => colour[i % colour.length]!);
    return encodeImage({ width, height, channels: colour.length as 3 | 4, data }, "png");
  };
  const reference = async (...picture: Parameters<typeof pictureOf>) => ({
    kind: "reference",
    image: await pictureOf(...picture),
  });
  const read = async (more: object) => {
    const { traits } = await readModelFolder(fixture(name));
    const asked = parseRequest({ prompt: "x", ...more } as GenerationInput);
    return readInputs(asked, traits, new AbortController().signal);
  };

  test("are brought to a million pixels, and the last one sets the size", async () => {
    const conditioning = [await reference(200, 100), await reference(100, 200)];
    const { request, inputs } = await read({ conditioning });
    const sizes = (of: readonly Pixels[] = []) => of.map(({ width, height }) => [width, height]);
    const brought = [
      [1440, 736],
      [736, 1440],
    ];
    expect(sizes(inputs.references)).toEqual(brought);
    expect(sizes(inputs.seen)).toEqual(brought);
    expect(request).toMatchObject({ width: 736, height: 1440 });
    expect((await read({ conditioning, width: 64 })).request).toMatchObject({ width: 64, height: 1440 });
  });

  test("keep their transparency for the VAE, and are seen on white", async () => {
    const { inputs } = await read({ conditioning: [await reference(64, 64, [200, 0, 0, 51])] });
    expect(inputs.references![0]!.channels).toBe(4);
    expect([...inputs.references![0]!.data.subarray(0, 4)]).toEqual([200, 0, 0, 51]);
    expect([...inputs.seen![0]!.data.subarray(0, 3)]).toEqual([244, 204, 204]);
  });

  test("are asked for ten times at most, and not by their mark", async () => {
    const backend = local({ model: fixture(name), threads: 1 });
    const generate = (more: object) =>
      createClient({ backend }).generate({ prompt: "x", width: 32, height: 32, steps: 1, ...more } as GenerationInput);
    const many = await Promise.all(new Array(11).fill(64).map(() => reference(64, 64)));
    await expect(generate({ conditioning: many })).rejects.toThrow(/conditioning\[10\].*10 reference pictures at most/);
    const marked = { prompt: "a <|image_pad|>", conditioning: [await reference(64, 64)] };
    await expect(generate(marked)).rejects.toThrow(/prompt.*<\|image_pad\|>.*stands for a picture/);
    await backend.dispose();
  });

  test("need what sees them, which texts don't", async () => {
    const { vision_config: _, ...blind } = await jsonOf("text_encoder/config.json");
    const model = await copyFixture(name, { "text_encoder/config.json": blind });
    const backend = local({ model, threads: 1 });
    const asked = { prompt: "x", width: 32, height: 32, steps: 1, seed: 1 } as const;
    const editing = { ...asked, conditioning: [await reference(64, 64)] } as GenerationInput;
    await expect(createClient({ backend }).generate(editing)).rejects.toThrow(
      /conditioning\[0\].*text_encoder.config\.json.*visual\.patch_embed.*parts: \{ textEncoder \}/,
    );
    expect((await createClient({ backend }).generate(asked)).images).toHaveLength(1);
    await backend.dispose();
  });

  test("are in the memory that is planned, keys and values of all steps among it", async () => {
    const model = await readModelFolder(fixture(name));
    const { request, inputs } = await read({ conditioning: [await reference(64, 64)], width: 64, height: 64 });
    const most = { maxMemory: 1e12 };
    const plans = [await planMemory(model, familyJob(request, model, {}), most)];
    plans.push(await planMemory(model, familyJob(request, model, inputs), most));
    const [without, withOne] = plans.map(({ networks }) => networks.find(({ network }) => network === "transformer")!);
    // Of 4096 squares, in three blocks.
    expect(withOne!.given - without!.given).toBe(4096 * 3 * 2 * 32 * 4);
    expect(plans[1]!.networks.map(({ network }) => network)).toEqual([
      "vision",
      "textEncoder",
      "textTransformer",
      "transformer",
      "vaeDecoder",
      "vaeEncoder",
    ]);
  });
});
