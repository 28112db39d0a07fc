import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput, parseRequest } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { familyJob } from "../../pipeline/family-job.ts";
import { planMemory } from "../../pipeline/plan-memory.ts";
import { readReferences } from "../../pipeline/read-references.ts";
import { difference } from "../../testing/single-file.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";
import { empiricalMu } from "./empirical-mu.ts";
import { isKV } from "./flux2-options.ts";

const folder = fixture("families/flux2");
const jsonOf = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));

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

test("klein draws in 4 steps without guidance, its base in 50 with it", async () => {
  const { defaults, conditioning, maxPromptTokens } = await backend.capabilities();
  expect(defaults).toMatchObject({ width: 1024, height: 1024, steps: 4, guidanceScale: 1 });
  expect(conditioning).toEqual(["reference"]);
  expect(maxPromptTokens).toBe(500);
  const index = await jsonOf("model_index.json");
  const base = await copyFixture("families/flux2", { "model_index.json": { ...index, is_distilled: false } });
  expect((await readModelFolder(base)).traits).toMatchObject({ steps: 50, guidanceScale: 4 });
});

test("a scale that has no effect draws a warning", async () => {
  const job = createClient({ backend }).generate({ ...request, guidanceScale: 4 });
  const warned: unknown[] = [];
  for await (const event of job) if (event.type === "warning") warned.push(event.field);
  expect(warned).toContain("guidanceScale");
});

// compute_empirical_mu of diffusers 0.42.1.
test.each([
  [4096, 4, 2.2912],
  [4096, 50, 2.0234],
  [1024, 20, 1.9163],
  [8192, 4, 1.8433],
])("μ of %i tokens in %i steps is %d", (tokens, steps, mu) => {
  expect(empiricalMu(tokens, steps)).toBeCloseTo(mu, 3);
});

describe("reference pictures", () => {
  test("are made smaller to a million pixels, and cut to multiples of 16", async () => {
    const { traits } = await readModelFolder(folder);
    const asked = parseRequest({ prompt: "x", conditioning: await references([2000, 1000], [100, 79]) });
    const read = await readReferences(asked, traits, new AbortController().signal);
    // 1448×724 after scaling.
    expect(read!.references.map(({ width, height }) => [width, height])).toEqual([
      [1440, 720],
      [96, 64],
    ]);
  });

  test.each([
    ["small", [[60, 100]], /conditioning\[0\]\.image.*at least 64 pixels/],
    ["long", [[640, 64]], /conditioning\[0\]\.image.*at most 8 times/],
    ["many", new Array(11).fill([64, 64]), /conditioning\[10\].*10 reference pictures at most/],
  ] as [string, [number, number][], RegExp][])(
    "that are too %s are refused by their field",
    async (_, sizes, message) => {
      const drawn = createClient({ backend }).generate({ ...request, conditioning: await references(...sizes) });
      await expect(drawn).rejects.toThrow(message);
    },
  );

  test("no other family takes them", async () => {
    const model = fixture("families/z-image");
    const drawn = createClient({ backend }).generate({ ...request, model, conditioning: await references([64, 64]) });
    await expect(drawn).rejects.toThrow(/conditioning\[0\]\.kind/);
  });
});

test.each([
  ["transformer/config.json", { guidance_embeds: true }, /guidance_embeds true is FLUX.2 dev's/],
  ["transformer/config.json", { joint_attention_dim: 32 }, /joint_attention_dim 32 does not match.*48 wide/],
  ["transformer/config.json", { axes_dims_rope: [4, 4, 4, 8] }, /axes_dims_rope.*must add up to attention_head_dim/],
  ["text_encoder/config.json", { num_hidden_layers: 20 }, /num_hidden_layers is 20; states after 9, 18, 27/],
  ["vae/config.json", { decoder_block_out_channels: [4, 8] }, /decoder_block_out_channels.*4 entries/],
])("%s with %o is refused", async (file, change, message) => {
  const copy = await copyFixture("families/flux2", { [file]: { ...(await jsonOf(file)), ...change } });
  await expect(readModelFolder(copy)).rejects.toThrow(message);
});

test("what a family doesn't take is refused: a negative prompt, an option that is none", async () => {
  const draw = (input: object) => createClient({ backend }).generate({ ...request, ...input } as GenerationInput);
  await expect(draw({ negativePrompt: "blurry" })).rejects.toThrow(/negativePrompt/);
  const own = (local: object) => draw({ backendOptions: { local } });
  await expect(own({ cacheReferences: "yes" })).rejects.toThrow(/backendOptions\.local\.cacheReferences/);
  await expect(own({ kvCache: true })).rejects.toThrow(/kvCache: is not known: .* takes cacheReferences/);
});

describe("klein KV", () => {
  const parts = (path: string, pipeline = "Flux2KleinPipeline", index = {}) => ({ path, pipeline, index });

  test.each([
    ["/m/anything", "Flux2KleinKVPipeline", true],
    ["/m/flux-2-klein-9b-kv.safetensors", undefined, true],
    ["/m/flux-2-klein-9b-kv-fp8.safetensors", undefined, true],
    ["/hub/models--black-forest-labs--FLUX.2-klein-9b-kv/snapshots/0123abcd", undefined, true],
    ["/m/flux-2-klein-9b.safetensors", undefined, false],
    ["/m/flux-2-klein-4b-kvasir.safetensors", undefined, false],
  ])("%s, saved as %s: %s", (path, pipeline, found) => {
    expect(isKV(parts(path, pipeline))).toBe(found);
  });

  test("is distilled, though its index doesn't say so", async () => {
    const { is_distilled: _, ...index } = await jsonOf("model_index.json");
    const own = { ...index, _class_name: "Flux2KleinKVPipeline" };
    const copy = await copyFixture("families/flux2", { "model_index.json": own });
    expect((await readModelFolder(copy)).traits).toMatchObject({ steps: 4, guidance: "none" });
  });

  test("is klein's with an option, and klein with the other", async () => {
    const conditioning = await references([64, 64]);
    const index = { ...(await jsonOf("model_index.json")), _class_name: "Flux2KleinKVPipeline" };
    const kv = await copyFixture("families/flux2", { "model_index.json": index });
    const draw = async (model: string, cacheReferences?: boolean) => {
      const backendOptions = cacheReferences === undefined ? {} : { local: { cacheReferences } };
      const drawn = await createClient({ backend }).generate({
        ...request,
        steps: 3,
        model,
        conditioning,
        backendOptions,
      });
      return (await drawn.images[0]!.pixels()).data;
    };
    expect(await draw(kv, false)).toEqual(await draw(folder));
    expect(await draw(folder, true)).toEqual(await draw(kv));
    expect(difference(await draw(folder), await draw(kv)).mean).toBeGreaterThan(0.1);
  });
});

test("an inpainted picture is a reference, and is counted as one in the plan", async () => {
  const model = await readModelFolder(folder);
  const size = { width: 256, height: 256 };
  const image = { ...size, channels: 3 as const, data: new Uint8Array(3 * 256 * 256) };
  const planned = async (input: object, inputs: object) => {
    const job = familyJob(parseRequest({ prompt: "x", ...size, ...input }), model, inputs);
    const { networks } = await planMemory(model, job, { free: 1e12 });
    return Object.fromEntries(networks.map((each) => [each.network, each]));
  };
  const plain = await planned({}, {});
  const inpainting = { task: "inpaint", image: new Uint8Array(1), mask: new Uint8Array(1) };
  const own = await planned(inpainting, { image, mask: image });
  expect(own.transformer!.between).toBeGreaterThan(1.2 * plain.transformer!.between);
  const cached = { ...inpainting, backendOptions: { local: { cacheReferences: true } } };
  const kept = await planned(cached, { image, mask: image });
  // Three blocks' keys and values of 256 tokens, 32 wide.
  expect(kept.transformer!.given - plain.transformer!.given).toBe(3 * 2 * 256 * 32 * 4);
  expect(kept.references!.between).toBeGreaterThan(3 * 2 * 256 * 32 * 4);
});
