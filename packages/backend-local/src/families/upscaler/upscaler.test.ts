import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput, type Pixels, resizeImage } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../../files/safetensors.ts";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { inspectModel } from "../../models/inspect-model.ts";
import { difference } from "../../testing/single-file.ts";
import { fixture, recordedTensor } from "../../testing/test-model.ts";
import { tilesOver } from "./tiles.ts";

// Upscaling networks against torch's pictures: tools/oracle/upscalers.py, through the public API.
const folder = fixture("upscalers");
const file = join(folder, "images.safetensors");
const { tensors } = await readSafetensors(file);
const names = [...tensors.keys()].filter((name) => name !== "picture");
const picture: Pixels = {
  width: tensors.get("picture")!.shape[1]!,
  height: tensors.get("picture")!.shape[0]!,
  channels: 3,
  data: await recordedTensor(file, "picture"),
};
const image = await encodeImage(picture, "png");

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

const modelOf = (name: string) => join(folder, `${name}.safetensors`);
const upscale = (name: string, fields: object = {}) =>
  createClient({ backend }).generate({ task: "upscale", image, model: modelOf(name), ...fields } as GenerationInput);
const drawn = async (name: string, fields: object = {}) => (await upscale(name, fields)).images[0]!.pixels();

describe("a network's picture is torch's", () => {
  test.each(names)("%s", async (name) => {
    const [height, width] = tensors.get(name)!.shape;
    const made = await drawn(name);
    expect(made).toMatchObject({ width, height });
    const { mean, max } = difference(made.data, await recordedTensor(file, name));
    expect(mean).toBeLessThan(0.1);
    expect(max).toBeLessThanOrEqual(1);
    const plain = await resizeImage(picture, made.width, made.height);
    expect(difference(made.data, plain.data).mean, "it does something").toBeGreaterThan(4);
  });
});

describe("tiles", () => {
  test.each([
    ["rrdb-x4", 80],
    ["rrdb-x2", 100],
    ["rrdb-x1", 168],
    ["compact-x4", 80],
  ])("of %s leave no trace", async (name, tileSize) => {
    const larger = await encodeImage(await resizeImage(picture, 191, 170), "png");
    const whole = await drawn(name, { image: larger });
    const tiled = await drawn(name, { image: larger, backendOptions: { local: { tileSize } } });
    expect(difference(tiled.data, whole.data).max).toBeLessThanOrEqual(1);
    const bare = await drawn(name, { image: larger, backendOptions: { local: { tileSize, tileOverlap: 0 } } });
    expect(difference(bare.data, whole.data).max, "without overlap there is a trace").toBeGreaterThan(4);
  });

  test.each([
    [100, 24, 8, 1],
    [45, 24, 8, 2],
    [48, 16, 7, 4],
    [17, 16, 0, 1],
  ])("over %i pixels of %i, with %i of overlap in steps of %i", (side, tileSize, tileOverlap, multipleOf) => {
    const tiles = tilesOver(side - (side % multipleOf), { tileSize, tileOverlap, multipleOf });
    let at = 0;
    for (const { from, to, keepFrom, keepTo } of tiles) {
      expect(keepFrom).toBe(at);
      expect(to - from).toBe(tileSize);
      expect([from % multipleOf, to % multipleOf]).toEqual([0, 0]);
      expect(keepFrom - from >= Math.min(tileOverlap, keepFrom)).toBe(true);
      at = keepTo;
    }
    expect(at).toBe(side - (side % multipleOf));
  });

  test("report their progress, and a cancel is heard between them", async () => {
    const job = upscale("rrdb-x4", { backendOptions: { local: { tileSize: 16, tileOverlap: 2 } } });
    const steps: number[] = [];
    job.on("progress", (event) => {
      if (event.phase === "decode") steps.push(event.step);
      if (steps.length === 3) job.cancel();
    });
    await expect(job).rejects.toMatchObject({ code: "aborted" });
    expect(steps.at(-1)).toBeLessThan(12);
  });
});

test("a scale below the network's is made smaller, and its own is taken where none is named", async () => {
  const result = await upscale("rrdb-x4", { scale: 2.5 });
  const made = await result.images[0]!.pixels();
  expect(made).toMatchObject({ width: 113, height: 93 });
  const whole = await drawn("rrdb-x4");
  expect(difference(made.data, (await resizeImage(whole, 113, 93)).data).max).toBe(0);
  expect(result.recipe.request).toMatchObject({ task: "upscale", scale: 2.5, width: 113, height: 93 });
  expect(result.recipe.request).not.toHaveProperty("steps");
  const again = await createClient({ backend }).generate(result.recipe, { inputs: [image] });
  expect(await again.images[0]!.pixels()).toEqual(made);
});

test("what it is, and what it can do, is said before any load", async () => {
  const client = createClient({ backend });
  const capabilities = await client.capabilities(modelOf("rrdb-x2"));
  expect(capabilities).toMatchObject({
    tasks: ["upscale"],
    features: [],
    samplers: [],
    limits: { scale: { min: 1, max: 2 }, count: { max: 1 } },
    defaults: { scale: 2 },
  });
  const info = await inspectModel(modelOf("rrdb-x4-old"));
  expect(info).toMatchObject({
    family: "upscaling network",
    tasks: ["upscale"],
    components: [{ architecture: "RRDBNet" }],
  });
  expect(info.scheduler).toBeUndefined();
});

test.each([
  [{ scale: 8 }, "scale", /4/],
  [{ steps: 20 }, "steps", /no effect/],
  [{ task: "text-to-image", prompt: "a", image: undefined }, "task", /upscale/],
  [{ width: 100 }, "width", /180/],
  [{ backendOptions: { local: { tileSize: 64, tileOverlap: 32 } } }, "backendOptions.local.tileOverlap", /half/],
  [{ backendOptions: { local: { tilesize: 64 } } }, "backendOptions.local.tilesize", /tileSize/],
])("what can't be done is refused by its field: %o", async (fields, field, message) => {
  const job = upscale("rrdb-x4", fields);
  await expect(job).rejects.toMatchObject({ issues: [{ field }] });
  await expect(job).rejects.toThrow(message);
});

test("a prompt that has no effect is told of; a pickle is refused", async () => {
  const { warnings } = await upscale("compact-x2", { prompt: "a fox" });
  expect(warnings).toMatchObject([{ code: "prompt_unused" }]);
  await expect(upscale("compact-x2", { model: "/tmp/RealESRGAN_x4plus.pth" })).rejects.toThrow(/no model|pickle/);
});

// Each with the names that tell it, as its authors' files have them.
test.each([
  ["SPAN", "", ["conv_1.sk", "block_1.c1_r.sk", "conv_cat", "upsampler.0"]],
  ["SPAN", "params.", ["conv_1.sk", "block_1.c1_r.sk", "conv_cat", "upsampler.0"]],
  ["DAT", "", ["conv_first", "before_RG.1", "layers.0.blocks.0.ffn.sg.norm"]],
  ["SwinIR or HAT", "params_ema.", ["conv_first", "layers.0.residual_group.blocks.0.norm1"]],
])("a %s (%s) is refused by its name", async (kind, prefix, modules) => {
  const entries = modules.map((name, i) => [
    `${prefix}${name}.weight`,
    { dtype: "F32", shape: [1], data_offsets: [i * 4, i * 4 + 4] },
  ]);
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const model = join(await mkdtemp(join(tmpdir(), "latentkit-")), "4x.safetensors");
  await writeFile(model, Buffer.concat([length, header, Buffer.alloc(modules.length * 4)]));
  const job = createClient({ backend }).generate({ task: "upscale", image, model });
  await expect(job).rejects.toMatchObject({ code: "model" });
  await expect(job).rejects.toThrow(`of the kind ${kind};`);
});
