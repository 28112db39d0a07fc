import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { difference } from "../../testing/single-file.ts";
import { fixture, recordedTensor } from "../../testing/test-model.ts";

// ControlNets, unions and T2I-Adapters against the reference's pictures: tools/oracle/controls.py, through the public API.
interface Case {
  name: string;
  model: "sd1" | "sd2" | "sdxl" | "sd1-inpaint";
  task: "text-to-image" | "image-to-image" | "inpaint";
  conditioning: { model: string; control?: string; strength?: number }[];
  seed: number;
  width?: number;
  height?: number;
  /** A UNet of these fixtures' in place of the model's. */
  unet?: string;
}

const folder = fixture("controls");
const cases = JSON.parse(await readFile(join(folder, "cases.json"), "utf8")) as Case[];
const models = {
  sd1: fixture("pipelines/sd1"),
  sd2: fixture("pipelines/sd2"),
  sdxl: fixture("families/sdxl"),
  "sd1-inpaint": fixture("families/sd1-inpaint"),
};
const common = {
  prompt: "a red apple on a blue background",
  negativePrompt: "blurry",
  steps: 5,
  guidanceScale: 5,
  seed: 3,
};

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1, controlNets: { canny: join(folder, "sd1-a") } });
});
afterAll(() => backend.dispose());

const recorded = (name: string) => recordedTensor(join(folder, "images.safetensors"), name);
const png = async (name: string) =>
  encodeImage({ width: 64, height: 64, channels: 3, data: await recorded(name) }, "png");
const [control, image, mask] = await Promise.all(["control", "image", "mask"].map(png));
const generate = (fields: Partial<GenerationInput>) =>
  createClient({ backend }).generate({ ...common, model: models.sd1, ...fields } as GenerationInput);
const pixels = async (fields: Partial<GenerationInput>) => (await (await generate(fields)).images[0]!.pixels()).data;
/** A model with another UNet is a backend's. */
async function pixelsWith(unet: string, fields: Partial<GenerationInput>) {
  const own = local({ threads: 1, model: models.sdxl, parts: { unet: join(folder, unet) } });
  const { images } = await createClient({ backend: own }).generate({ ...common, ...fields } as GenerationInput);
  const { data } = await images[0]!.pixels();
  await own.dispose();
  return data;
}
const entry = (fields: object = {}) => ({ kind: "control", control: "canny", image: control, ...fields }) as never;

function inputs({ task, width, height }: Case): object {
  if (task === "inpaint") return { task, image, mask, strength: 0.7, keepUnmasked: false };
  return task === "image-to-image" ? { task, image, strength: 0.7 } : { width, height };
}

describe("a control's picture is the reference's", () => {
  test.each(cases)("$name", async (own) => {
    const { name, model, conditioning, seed, unet } = own;
    const entries = conditioning.map(({ model: net, ...rest }) => entry({ ...rest, model: join(folder, net) }));
    const fields = { seed, ...inputs(own), conditioning: entries } as never;
    const drawn = await (unet ? pixelsWith(unet, fields) : pixels({ model: models[model], ...(fields as object) }));
    const { mean, max } = difference(drawn, await recorded(name));
    expect(mean).toBeLessThan(0.1);
    expect(max).toBeLessThanOrEqual(2);
    if (entries.length === 0 || own.task !== "text-to-image" || own.width !== 64) return;
    const base = await recorded(unet ? "sdxl-deep-base" : `${model}-base`);
    expect(difference(drawn, base).mean, "it does something").toBeGreaterThan(1);
  });

  test("no two cases have the same picture", async () => {
    const pictures = await Promise.all(cases.map(({ name }) => recorded(name)));
    for (const [i, a] of pictures.entries())
      for (const b of pictures.slice(i + 1))
        if (a.length === b.length) expect(difference(a, b).mean).toBeGreaterThan(1);
  });
});

describe("what else a control may be", () => {
  const size = { width: 64, height: 64 } as const;
  const base = () => pixels(size);

  test("a single file in the original naming is its folder's network", async () => {
    const [own, original] = await Promise.all(
      ["sd1-a", "sd1-a.original.safetensors"].map((net) =>
        pixels({ ...size, conditioning: [entry({ model: join(folder, net) })] }),
      ),
    );
    expect(original).toEqual(own);
  });

  test("without a model it is the one that local() has for the control; strength 0 and an empty window are the base", async () => {
    const drawn = await pixels({ ...size, conditioning: [entry()] });
    expect(difference(drawn, await recorded("sd1")).mean).toBeLessThan(0.5);
    expect(await pixels({ ...size, conditioning: [entry({ strength: 0 })] })).toEqual(await base());
    expect(await pixels({ ...size, conditioning: [entry({ start: 0.5, end: 0.5 })] })).toEqual(await base());
  });

  test("soft weights, a LoRA, perturbed attention and another prompt's window each change it", async () => {
    const conditioning = [entry()];
    const plain = await pixels({ ...size, conditioning });
    const soft = await pixels({ ...size, conditioning: [entry({ softWeights: true })] });
    const lora = await pixels({
      ...size,
      conditioning,
      loras: [{ model: join(fixture("loras"), "peft.safetensors") }],
    });
    const perturbed = await pixels({ ...size, conditioning, guidance: { pagScale: 2, pagLayers: ["down"] } });
    const text = await pixels({
      ...size,
      conditioning: [entry(), { kind: "text", prompt: "cat", start: 0, end: 0.5 }],
    });
    const all = [plain, soft, lora, perturbed, text];
    expect(new Set(all.map((data) => Buffer.from(data).toString("hex"))).size).toBe(all.length);
    expect(await pixels({ ...size, conditioning })).toEqual(plain);
  });

  test("a photo is prepared, and what was made is shown", async () => {
    const photo = { ...size, conditioning: [entry({ prepare: true })] };
    const job = generate(photo);
    const events = await Array.fromAsync(job);
    const shown = events.find((event) => event.type === "control");
    expect(shown).toMatchObject({ field: "conditioning[0]", control: "canny", image: { width: 64, height: 64 } });
    const edges = await (shown as { image: { bytes(format: "png"): Promise<Uint8Array> } }).image.bytes("png");
    const drawn = await (await job).images[0]!.pixels();
    expect(await pixels({ ...size, conditioning: [entry({ image: edges })] })).toEqual(drawn.data);
  });

  test("inpainting tells its network what is open", async () => {
    const fields = { task: "inpaint", image, mask, strength: 0.7, conditioning: [] as unknown[] } as const;
    const drawn = async (more: object) =>
      pixels({
        ...fields,
        conditioning: [entry({ image, control: "inpaint", model: join(folder, "sd1-a"), ...more })],
      } as never);
    expect(await drawn({ prepare: true })).not.toEqual(await drawn({}));
  });
});

describe("what can't be done is refused by its field before any work", () => {
  const sd1 = join(folder, "sd1-a");
  test.each<[string, object, string, RegExp]>([
    ["no network", { control: "depth" }, "conditioning[0].model", /controlNets/],
    ["none there", { model: "/nowhere" }, "conditioning[0].model", /there is no/],
    ["another model's", { model: join(folder, "sdxl") }, "conditioning[0].model", /of another kind of model/],
    [
      "a LoRA",
      { model: join(fixture("loras"), "kohya.safetensors") },
      "conditioning[0].model",
      /neither a ControlNet nor/,
    ],
    ["a UNet's folder", { model: join(models.sd1, "unet") }, "conditioning[0].model", /UNet2DConditionModel/],
    ["depth from a photo", { model: sd1, control: "depth", prepare: true }, "conditioning[0].prepare", /preprocessor/],
    [
      "inpaint without a mask",
      { model: sd1, control: "inpaint", prepare: true },
      "conditioning[0].prepare",
      /task must be inpaint/,
    ],
    [
      "no such preprocessor",
      { model: sd1, preprocessor: "/nowhere.onnx" },
      "conditioning[0].preprocessor",
      /nowhere\.onnx/,
    ],
    [
      "what is no ONNX file",
      { model: sd1, preprocessor: join(sd1, "config.json") },
      "conditioning[0].preprocessor",
      /ONNX/,
    ],
  ])("%s", async (_, fields, field, message) => {
    const job = generate({ width: 64, height: 64, conditioning: [entry(fields)] });
    await expect(job).rejects.toMatchObject({ code: "invalid_request", issues: [{ field }] });
    await expect(job).rejects.toThrow(message);
  });

  test("by a model that edits by instruction", async () => {
    const model = fixture("families/sd1-instruct");
    const job = generate({ task: "image-to-image", image, model, conditioning: [entry({ model: sd1 })] } as never);
    await expect(job).rejects.toThrow(/conditioning/);
  });
});
