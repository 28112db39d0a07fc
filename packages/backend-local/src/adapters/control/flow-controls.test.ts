import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { inspectModel } from "../../models/inspect-model.ts";
import { planModel } from "../../plan-model.ts";
import { difference } from "../../testing/single-file.ts";
import { copyFixture, fixture, recordedTensor } from "../../testing/test-model.ts";

// ControlNets of flow models against the reference's pictures: tools/oracle/flow_controls.py, through the public API.
interface Case {
  name: string;
  family: string;
  request: GenerationInput & { count: number };
  conditioning: { model: string; control: string; strength?: number; config?: object }[];
  files?: Record<string, unknown>;
  lora?: string;
}

const folder = fixture("flow-controls");
const cases = JSON.parse(await readFile(join(folder, "cases.json"), "utf8")) as Case[];
const recorded = (name: string) => recordedTensor(join(folder, "tensors.safetensors"), name);
const inputs = fixture("pipelines/sd1-inputs.safetensors");

const png = async (data: Promise<Uint8Array>, [width, height]: readonly [number, number] = [64, 64]) =>
  encodeImage({ width, height, channels: 3, data: (await data).subarray(0, 3 * width * height) }, "png");
const control = await png(recorded("control"));
const image = await png(recordedTensor(inputs, "image"));
const mask = await png(recordedTensor(inputs, "mask"));

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

const generate = (fields: object) => createClient({ backend }).generate(fields as GenerationInput);
const pixels = async (fields: object) => (await (await generate(fields)).images[0]!.pixels()).data;
const entry = (fields: object = {}) => ({ kind: "control", control: "canny", image: control, ...fields });

/** A net with another configuration. */
async function edited(net: string, change: object) {
  const config = JSON.parse(await readFile(join(folder, net, "config.json"), "utf8"));
  return copyFixture(`flow-controls/${net}`, { "config.json": { ...config, ...change } });
}

describe("a control's picture is the reference's", () => {
  test.each(cases)("$name", async ({ name, family, request, conditioning, files, lora }) => {
    const model = files ? await copyFixture(`families/${family}`, files) : fixture(`families/${family}`);
    const shown = await pictureAt(request.width ?? 64, request.height ?? 64);
    const entries = await Promise.all(
      conditioning.map(async ({ config, model: net, ...each }) => ({
        ...entry(each),
        image: shown,
        model: config === undefined ? join(folder, net) : await edited(net, config),
      })),
    );
    const more = request.task === "text-to-image" ? {} : { image };
    const masked = request.task === "inpaint" ? { mask, keepUnmasked: false } : {};
    const loras = lora === undefined ? [] : [{ model: join(folder, lora) }];
    const { images } = await generate({ ...request, ...more, ...masked, model, conditioning: entries, loras });
    const expected = await recorded(name);
    const size = expected.length / request.count;
    expect(images).toHaveLength(request.count);
    for (const [i, each] of images.entries()) {
      const { mean, max } = difference((await each.pixels()).data, expected.subarray(i * size, (i + 1) * size));
      expect(mean, `image ${i}`).toBeLessThan(0.5);
      expect(max, `image ${i}`).toBeLessThanOrEqual(8);
    }
  });

  test("no two cases have the same picture", async () => {
    const pictures = await Promise.all(cases.map(({ name }) => recorded(name)));
    for (const [i, a] of pictures.entries())
      for (const b of pictures.slice(i + 1))
        if (a.length === b.length) expect(difference(a, b).mean).toBeGreaterThan(1);
  });
});

/** The control picture as Pillow brings it to a size. */
async function pictureAt(width: number, height: number) {
  if (width === 64 && height === 64) return control;
  return png(recorded(`control-${width}x${height}`), [width, height]);
}

const flux1 = fixture("families/flux1");
const base = { prompt: "a red apple on a blue background", width: 64, height: 64, steps: 2, seed: 7 };
const union = join(folder, "flux1-union");
const temporary = await mkdtemp(join(tmpdir(), "latentkit-controls-"));
afterAll(() => rm(temporary, { recursive: true }));
/** A net's weights as a file alone. */
async function asFile(net: string) {
  const path = join(temporary, `${net}-alone.safetensors`);
  const own = net.endsWith(".safetensors")
    ? join(folder, net)
    : join(folder, net, "diffusion_pytorch_model.safetensors");
  await copyFile(own, path);
  return path;
}

describe("a single file is its folder's network", () => {
  test.each([
    ["flux1", "flux1-union", "flux1-union"],
    ["flux1", "flux1-plain", "flux1-plain"],
    ["qwen-image", "qwen-image-union", "qwen-image-union"],
    ["stable-diffusion-3", "stable-diffusion-3", "stable-diffusion-3"],
    ["z-image", "z-image-1", "z-image-1"],
    ["z-image", "z-image-2.0", "z-image-2.0"],
    ["z-image", "z-image-2.0.published.safetensors", "z-image-2.0"],
    ["z-image", "z-image-2.1", "z-image-2.1"],
  ])("%s: %s", async (family, net, same) => {
    const model = fixture(`families/${family}`);
    const drawn = (place: string) => pixels({ ...base, model, conditioning: [entry({ model: place })] });
    expect(await drawn(await asFile(net))).toEqual(await drawn(join(folder, same)));
  });
});

describe("what else a control may be", () => {
  test("of local() by its kind; none of any strength, or in an empty window, is the base", async () => {
    const own = local({ threads: 1, model: flux1, controlNets: { canny: union } });
    const client = createClient({ backend: own });
    const drawn = async (fields: object) =>
      (await (await client.generate({ ...base, conditioning: [entry(fields)] } as GenerationInput)).images[0]!.pixels())
        .data;
    const named = await pixels({ ...base, model: flux1, conditioning: [entry({ model: union })] });
    expect(await drawn({})).toEqual(named);
    // The control picture's latent is drawn before the noise, as by the reference: only without it the seed's picture is the base's.
    const silent = await drawn({ strength: 0 });
    expect(await drawn({ start: 0.5, end: 0.5 })).toEqual(silent);
    expect(silent).not.toEqual(named);
    await own.dispose();
  });

  test("a photo is prepared, and what was made is shown", async () => {
    const model = fixture("families/z-image");
    const net = join(folder, "z-image-1");
    const events = await Array.fromAsync(
      generate({ ...base, model, conditioning: [entry({ model: net, image, prepare: true })] }),
    );
    const made = events.find((event) => event.type === "control");
    expect(made).toMatchObject({ field: "conditioning[0]", control: "canny", image: { width: 64, height: 64 } });
    const edges = await (made as { image: { bytes(format: "png"): Promise<Uint8Array> } }).image.bytes("png");
    const drawn = await pixels({ ...base, model, conditioning: [entry({ model: net, image, prepare: true })] });
    expect(await pixels({ ...base, model, conditioning: [entry({ model: net, image: edges })] })).toEqual(drawn);
  });

  test("two add up", async () => {
    const model = fixture("families/z-image");
    const net = join(folder, "z-image-1");
    const drawn = (...strengths: number[]) =>
      pixels({ ...base, model, conditioning: strengths.map((strength) => entry({ model: net, strength })) });
    const { max } = difference(await drawn(0.25, 0.5), await drawn(0.75));
    expect(max).toBeLessThanOrEqual(1);
    expect(difference(await drawn(0.25), await drawn(0.75)).mean).toBeGreaterThan(0.5);
  });

  test("beside a second pass, and another prompt's window", async () => {
    const conditioning = [entry({ model: union })];
    const plain = await pixels({ ...base, model: flux1, conditioning });
    const hires = await generate({ ...base, model: flux1, conditioning, hires: { scale: 1.5, strength: 0.5 } });
    expect(await hires.images[0]!.pixels()).toMatchObject({ width: 96, height: 96 });
    expect(await pixels({ ...base, model: flux1, conditioning })).toEqual(plain);
  });

  test("capabilities tell which options there are", async () => {
    expect(await backend.capabilities(flux1)).toMatchObject({
      conditioning: ["control"],
      conditioningOptions: ["prepare", "preprocessor"],
    });
    expect((await backend.capabilities(fixture("families/flux1-fill"))).conditioning).toEqual([]);
    expect((await backend.capabilities(fixture("families/qwen-image-edit"))).conditioning).toEqual(["reference"]);
  });
});

test("a plan counts ControlNets with the transformer that they steer", async () => {
  const plain = await planModel(flux1, { width: 512, height: 512, maxMemory: "20 GB" });
  const own = { width: 512, height: 512, maxMemory: "20 GB", controlNets: { canny: union } };
  const controlled = await planModel(flux1, own);
  const names = controlled.networks.map(({ network }) => network);
  expect(names).toEqual(["textEncoder", "textEncoder2", "transformer", "vaeDecoder", "vaeEncoder", "controlNet"]);
  expect(controlled.peak).toBeGreaterThan(plain.peak);
  const weights = (plan: typeof plain) => plan.networks.reduce((sum, { mapped }) => sum + mapped, 0);
  expect(weights(controlled) - weights(plain)).toBeGreaterThan(100_000);
  await expect(planModel(fixture("families/chroma"), { controlNets: { canny: union } })).rejects.toThrow(/controlNets/);
  await expect(planModel(flux1, { controlNets: { normal: union } })).rejects.toThrow(/controlNets\.normal/);
});

test("inspectModel tells what a ControlNet is for", async () => {
  const info = await inspectModel(union);
  expect(info).toMatchObject({
    family: "ControlNet for FLUX.1",
    tasks: [],
    components: [{ name: "controlnet", architecture: "FluxControlNetModel", dtypes: ["BF16"] }],
    adapter: { kind: "controlnet", controls: ["canny", "tile", "depth", "blur", "pose", "gray", "low-quality"] },
  });
  const families = await Promise.all(
    ["qwen-image-union", "z-image-2.1"].map(async (net) => (await inspectModel(await asFile(net))).family),
  );
  expect(families).toEqual(["ControlNet for Qwen-Image", "ControlNet for Z-Image"]);
  expect(await inspectModel(fixture("controls/sd1-a"))).toMatchObject({
    adapter: { kind: "controlnet", title: "ControlNet" },
  });
  expect(await inspectModel(fixture("controls/t2i-full"))).toMatchObject({ adapter: { kind: "t2i-adapter" } });
});

describe("what can't be done is refused by its field before any work", () => {
  const sd1 = fixture("pipelines/sd1");
  const ofSd1 = fixture("controls/sd1-a");
  test.each<[string, () => Promise<object>, string, RegExp]>([
    [
      "FLUX.1's beside Stable Diffusion",
      async () => ({ model: sd1, net: union }),
      "conditioning[0].model",
      /is a ControlNet for FLUX\.1, and the model is Stable Diffusion/,
    ],
    [
      "Stable Diffusion's beside FLUX.1",
      async () => ({ net: ofSd1 }),
      "conditioning[0].model",
      /is a ControlNet for Stable Diffusion 1, 2 or XL, and the model is FLUX\.1/,
    ],
    [
      "Stable Diffusion's T2I-Adapter",
      async () => ({ net: fixture("controls/t2i-full") }),
      "conditioning[0].model",
      /is a T2I-Adapter for Stable Diffusion/,
    ],
    [
      "Z-Image's beside Qwen-Image",
      async () => ({ model: fixture("families/qwen-image"), net: await asFile("z-image-2.1") }),
      "conditioning[0].model",
      /is a ControlNet for Z-Image, and the model is Qwen-Image/,
    ],
    [
      "a kind that a union does not know",
      async () => ({ net: union, control: "normal" }),
      "conditioning[0].control",
      /canny, tile, depth, blur/,
    ],
    [
      "an inpaint picture",
      async () => ({ net: join(folder, "flux1-plain"), control: "inpaint", prepare: true }),
      "conditioning[0].prepare",
      /inpaint/,
    ],
    [
      "one of other sizes",
      async () => ({ net: await edited("flux1-plain", { joint_attention_dim: 32 }) }),
      "conditioning[0].model",
      /joint_attention_dim 32, and the model's transformer 24/,
    ],
    [
      "XLabs'",
      async () => ({ net: await edited("flux1-plain", { conditioning_embedding_channels: 4 }) }),
      "conditioning[0].model",
      /XLabs' ControlNets/,
    ],
    [
      "Qwen-Image's for inpainting",
      async () => ({
        model: fixture("families/qwen-image"),
        net: await edited("qwen-image-union", { extra_condition_channels: 4 }),
      }),
      "conditioning[0].model",
      /shown a mask/,
    ],
    [
      "Stability's of Stable Diffusion 3.5",
      async () => ({
        model: fixture("families/stable-diffusion-3"),
        net: await edited("stable-diffusion-3", { joint_attention_dim: null }),
      }),
      "conditioning[0].model",
      /which see no text/,
    ],
    [
      "Z-Image's of more layers",
      async () => ({
        model: fixture("families/z-image"),
        net: await edited("z-image-1", { control_layers_places: [0, 5] }),
      }),
      "conditioning[0].model",
      /control_layers_places 5/,
    ],
    [
      "a tensor that is missing",
      async () => ({ net: await edited("flux1-plain", { num_layers: 2 }) }),
      "conditioning[0].model",
      /transformer_blocks\.1.* is missing/,
    ],
  ])("%s", async (_, made, field, message) => {
    const { net, model = flux1, ...fields } = (await made()) as { net: string; model?: string };
    const job = generate({ ...base, model, conditioning: [entry({ ...fields, model: net })] });
    await expect(job).rejects.toMatchObject({ code: "invalid_request", issues: [{ field }] });
    await expect(job).rejects.toThrow(message);
  });

  test.each([
    [{ softWeights: true }, /softWeights/],
    [{ guessMode: true }, /guessMode/],
  ])("%o", async (fields, message) => {
    await expect(
      generate({ ...base, model: flux1, conditioning: [entry({ model: union, ...fields })] }),
    ).rejects.toThrow(message);
  });

  test("a family without any", async () => {
    const job = generate({ ...base, model: fixture("families/chroma"), conditioning: [entry({ model: union })] });
    await expect(job).rejects.toMatchObject({ code: "unsupported" });
    await expect(job).rejects.toThrow(/conditioning/);
  });
});
