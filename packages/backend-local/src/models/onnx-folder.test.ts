import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toHalf } from "../files/to-float32.ts";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { difference } from "../testing/single-file.ts";
import { fixture, fixtureModel, recordedTensor, temporaryFolder } from "../testing/test-model.ts";
import { inspectModel } from "./inspect-model.ts";
import { readModel } from "./read-model.ts";

// Folders of exported graphs in Optimum's layout (tools/oracle/onnx_folder.py): the pictures are those that diffusers makes of the
// weights that were exported.
let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

const sd1 = fixtureModel("sd1");
const names = { text_encoder: "text_encoder", unet: "unet", vae_decoder: "vae_decoder", vae_encoder: "vae_encoder" };

/** A folder as Optimum writes it, of graphs by their fixtures' names. */
async function onnxFolder(
  graphs: Record<string, string> = names,
  pipeline = "OnnxStableDiffusionPipeline",
): Promise<string> {
  const folder = join(await temporaryFolder(), "exported");
  await mkdir(folder);
  for (const [part, graph] of Object.entries(graphs)) {
    await cp(fixture(`onnx/sd1/${graph}`), join(folder, part), { recursive: true });
  }
  for (const part of ["tokenizer", "scheduler"]) await cp(join(sd1, part), join(folder, part), { recursive: true });
  const { _class_name, vae, ...index } = JSON.parse(await readFile(join(sd1, "model_index.json"), "utf8"));
  const exported = Object.fromEntries(Object.keys(names).map((part) => [part, ["diffusers", "OnnxRuntimeModel"]]));
  await writeFile(join(folder, "model_index.json"), JSON.stringify({ ...index, ...exported, _class_name: pipeline }));
  return folder;
}

interface Case {
  name: string;
  request: GenerationInput & { count: number };
}
const [own] = JSON.parse(await readFile(`${sd1}.json`, "utf8")) as [Case];

async function apartFromDiffusers(model: string): Promise<{ mean: number; max: number }> {
  const { images } = await createClient({ backend }).generate({ ...own.request, model });
  const expected = await recordedTensor(`${sd1}.safetensors`, `${own.name}.images`);
  const { data } = await images[0]!.pixels();
  return difference(data, expected.subarray(0, data.length));
}

describe("exported graphs make diffusers' pictures", () => {
  test.each(["OnnxStableDiffusionPipeline", "ORTStableDiffusionPipeline", "StableDiffusionPipeline"])(
    "%s in float32",
    async (pipeline) => {
      const { mean, max } = await apartFromDiffusers(await onnxFolder(names, pipeline));
      expect(mean).toBeLessThan(0.5);
      expect(max).toBeLessThanOrEqual(8);
    },
  );

  test("a UNet with ports and weights in float16, whose rounding shows", async () => {
    const { mean } = await apartFromDiffusers(await onnxFolder({ ...names, unet: "unet_half" }));
    expect(mean).toBeLessThan(2);
    expect(mean).toBeGreaterThan(0);
  });

  test("from a picture", async () => {
    const inputs = `${sd1}-inputs.safetensors`;
    const cases = JSON.parse(await readFile(`${sd1}-inputs.json`, "utf8")) as Case[];
    const { request } = cases.find(({ name }) => name === "image-to-image")!;
    const image = await encodeImage(
      { width: 64, height: 64, channels: 3, data: await recordedTensor(inputs, "image") },
      "png",
    );
    const asked = { ...request, image, model: await onnxFolder() } as GenerationInput;
    const { images } = await createClient({ backend }).generate(asked);
    const apart = difference((await images[0]!.pixels()).data, await recordedTensor(inputs, "image-to-image"));
    expect(apart.mean).toBeLessThan(0.5);
  });
});

test("models info tells what is exported, and its size", async () => {
  const info = await inspectModel(await onnxFolder());
  expect(info).toMatchObject({ family: "Stable Diffusion 1 and 2", hash: expect.stringMatching(/^sha256:/) });
  expect(info.components).toContainEqual(
    expect.objectContaining({ name: "unet", architecture: "ONNX", bytes: expect.any(Number) }),
  );
});

test("a changed graph is another model", async () => {
  const folder = await onnxFolder();
  const before = (await readModel(folder)).identity.hash;
  const file = join(folder, "unet/model.onnx_data");
  const bytes = await readFile(file);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(file, bytes);
  expect((await readModel(folder)).identity.hash).not.toBe(before);
});

describe("what an exported folder can't do is told", () => {
  test("without the encoder, a picture", async () => {
    const { vae_encoder, ...rest } = names;
    const folder = await onnxFolder(rest);
    const image = await encodeImage({ width: 64, height: 64, channels: 3, data: new Uint8Array(3 * 64 * 64) }, "png");
    const request = { task: "image-to-image", prompt: "a", image, model: folder } as GenerationInput;
    await expect(createClient({ backend }).generate(request)).rejects.toThrow(
      /holds no exported vaeEncoder; it has vaeDecoder/,
    );
  });

  test("perturbed attention, clip skip and a missing config", async () => {
    const model = await onnxFolder();
    const client = createClient({ backend });
    const common = { prompt: "a", steps: 1, model, width: 64, height: 64 } as const;
    await expect(client.generate({ ...common, guidance: { pagScale: 3 } })).rejects.toThrow(/exported graph/);
    await expect(client.generate({ ...common, clipSkip: 2 })).rejects.toThrow(/has no output "clip_skip\.1"/);
    await rm(join(model, "unet/config.json"));
    await expect(readModel(model)).rejects.toThrow(/unet\/config\.json is missing/);
  });
});

test("half precision is rounded as IEEE 754 has it", () => {
  const values = Float32Array.of(
    0,
    -0,
    1,
    -2.5,
    65504,
    65520,
    1e9,
    2 ** -14,
    2 ** -24,
    2 ** -25,
    3 * 2 ** -25,
    0.1,
    Number.NaN,
  );
  const bits = [0, 0x8000, 0x3c00, 0xc100, 0x7bff, 0x7c00, 0x7c00, 0x0400, 1, 0, 2, 0x2e66, 0x7e00];
  expect([...toHalf(values)]).toEqual(bits);
});
