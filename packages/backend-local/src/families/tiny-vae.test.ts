import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, decodeImage, encodeImage, type GenerationInput } from "@latentkit/core";
import { describe, expect, onTestFinished, test } from "vitest";
import { local } from "../local.ts";
import type { LocalOptions } from "../local-options.ts";
import { readModel } from "../models/read-model.ts";
import { difference, rewriteFile } from "../testing/single-file.ts";
import { copyModel, fixture, fixtureModel, recordedTensor, temporaryFolder } from "../testing/test-model.ts";

// Stable Diffusion 1 with a tiny VAE in the place of its own, against diffusers' pipelines (tools/oracle/more_families.py).
interface Case {
  name: string;
  request: GenerationInput;
  files: Record<string, unknown>;
}
const taesd = fixture("families/taesd");
const cases = JSON.parse(await readFile(`${taesd}.json`, "utf8")) as Case[];
const inputs = fixture("pipelines/sd1-inputs.safetensors");
const picture = async (name: "image" | "mask") =>
  encodeImage({ width: 64, height: 64, channels: 3, data: await recordedTensor(inputs, name) }, "png");

async function inputsOf({ task }: GenerationInput): Promise<object> {
  if (task === "text-to-image") return {};
  const image = await picture("image");
  return task === "inpaint" ? { image, mask: await picture("mask"), keepUnmasked: false } : { image };
}

function clientOf(options: LocalOptions) {
  const client = createClient({ backend: local({ threads: 1, ...options }) });
  onTestFinished(() => client.dispose());
  return client;
}

describe("a tiny VAE as parts.vae makes diffusers' pictures", () => {
  test.each(cases)("$name", async ({ name, request, files }) => {
    const model = await copyModel("sd1", files);
    const client = clientOf({ model, parts: { vae: taesd } });
    const { images } = await client.generate({ ...request, ...(await inputsOf(request)) } as GenerationInput);
    const { data } = await images[0]!.pixels();
    const apart = difference(data, await recordedTensor(`${taesd}.safetensors`, name));
    expect(apart.mean).toBeLessThan(0.5);
    expect(apart.max).toBeLessThanOrEqual(8);
  });
});

describe("TAESD's own files, a half each", () => {
  test("the decoder draws; without the encoder a picture is refused by the tensor that is missing", async () => {
    const { request, files } = cases[0]!;
    const decoder = await originalFile("decoder");
    const model = await copyModel("sd1", files);
    expect((await readModel(model, { parts: { vae: decoder } })).parts.vae?.config).toMatchObject({
      _class_name: "AutoencoderTiny",
      latent_channels: 4,
      num_decoder_blocks: [3, 3, 3, 1],
    });
    const client = clientOf({ model, parts: { vae: decoder } });
    const { images } = await client.generate(request);
    const { data } = await images[0]!.pixels();
    expect(difference(data, await recordedTensor(`${taesd}.safetensors`, "text")).mean).toBeLessThan(0.5);
    const again = { ...cases[1]!.request, image: await picture("image") } as GenerationInput;
    await expect(client.generate(again)).rejects.toThrow(/encoder\.layers\.0\.\w+ .* is missing/);
  });

  test("the encoder is one too", async () => {
    const encoder = await originalFile("encoder");
    expect((await readModel(fixtureModel("sd1"), { parts: { vae: encoder } })).parts.vae?.config).toMatchObject({
      _class_name: "AutoencoderTiny",
      num_encoder_blocks: [1, 3, 3, 3],
    });
  });
});

describe("previewVae", () => {
  const request = { ...cases[0]!.request, previewEvery: 2 } as GenerationInput;

  test("decodes previews, and leaves the picture and its recipe as they are", async () => {
    const [plain, cheap] = await Promise.all(
      [{}, { previewVae: taesd }].map(async (options) => {
        const job = clientOf({ model: fixtureModel("sd1"), ...options }).generate(request);
        const previews: Uint8Array[] = [];
        for await (const event of job) {
          if (event.type === "preview") previews.push((await decodeImage(await event.image.bytes("png"))).data);
        }
        const { images, recipe } = await job;
        return { previews, data: (await images[0]!.pixels()).data, hash: recipe.model?.hash };
      }),
    );
    expect(cheap!.previews).toHaveLength(2);
    expect(cheap!.data).toEqual(plain!.data);
    expect(cheap!.hash).toBe(plain!.hash);
    expect(difference(cheap!.previews[1]!, plain!.previews[1]!).mean).toBeGreaterThan(1);
  });

  test.each([
    [join(fixtureModel("sd1"), "vae"), /is no AutoencoderTiny/],
    ["/no/such/file", /there is no/],
  ])("%s is refused", async (previewVae, message) => {
    await expect(readModel(fixtureModel("sd1"), { previewVae })).rejects.toThrow(message);
  });

  test("of other channels is refused", async () => {
    const config = JSON.parse(await readFile(join(taesd, "config.json"), "utf8"));
    const folder = await copyModel("sd1");
    await cp(taesd, join(folder, "taesd"), { recursive: true });
    await writeFile(join(folder, "taesd/config.json"), JSON.stringify({ ...config, latent_channels: 16 }));
    const previewVae = join(folder, "taesd");
    await expect(readModel(fixtureModel("sd1"), { previewVae })).rejects.toThrow(/latents of 16 channels/);
  });
});

/** One half as its author's file has it: numbered layers, the decoder's after the clamp. */
async function originalFile(half: "encoder" | "decoder"): Promise<string> {
  const path = join(await temporaryFolder(), `taesd_${half}.safetensors`);
  await cp(join(taesd, "diffusion_pytorch_model.safetensors"), path);
  const shift = half === "decoder" ? 1 : 0;
  return rewriteFile(path, (name) => {
    const [, layer, rest] = new RegExp(`^${half}\\.layers\\.(\\d+)\\.(.*)$`).exec(name) ?? [];
    return layer === undefined ? undefined : `${Number(layer) + shift}.${rest}`;
  });
}
