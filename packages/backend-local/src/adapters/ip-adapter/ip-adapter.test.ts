import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../../files/safetensors.ts";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { difference } from "../../testing/single-file.ts";
import { fixture, recordedTensor } from "../../testing/test-model.ts";

// IP-Adapters against the reference's pictures: tools/oracle/ip_adapters.py, through the public API.
interface Case {
  name: string;
  model: "sd1" | "sdxl";
  task: "text-to-image" | "image-to-image" | "inpaint";
  conditioning: { model: string; image: string; strength: number; mask?: string; start?: number; end?: number }[];
  /** A ControlNet of the controls' fixtures, and a LoRA of theirs, that act beside it. */
  control?: string;
  lora?: string;
}

const folder = fixture("ip-adapters");
const file = join(folder, "images.safetensors");
const cases = JSON.parse(await readFile(join(folder, "cases.json"), "utf8")) as Case[];
const models = { sd1: fixture("pipelines/sd1"), sdxl: fixture("families/sdxl") };
const common = {
  prompt: "a red apple on a blue background",
  negativePrompt: "blurry",
  steps: 4,
  guidanceScale: 5,
  seed: 3,
};

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

const { tensors } = await readSafetensors(file);
const recorded = (name: string) => recordedTensor(file, name);
async function png(name: string) {
  const inverse = name === "inverse";
  const [height = 0, width = 0] = tensors.get(inverse ? "mask" : name)!.shape;
  const data = await recorded(inverse ? "mask" : name);
  return encodeImage({ width, height, channels: 3, data: inverse ? data.map((value) => 255 - value) : data }, "png");
}
const generate = (fields: object) =>
  createClient({ backend }).generate({ ...common, model: models.sd1, ...fields } as GenerationInput);
const pixels = async (fields: object) => (await (await generate(fields)).images[0]!.pixels()).data;
const size = { width: 64, height: 64 };

describe("a picture prompt's picture is the reference's", () => {
  test.each(cases)("$name", async ({ name, model, task, conditioning, control, lora }) => {
    const prompts = await Promise.all(
      conditioning.map(async ({ model: net, image, mask, ...acts }) => ({
        kind: "image-prompt",
        model: join(folder, `${net}.safetensors`),
        image: await png(image),
        ...(mask ? { mask: await png(mask) } : {}),
        ...acts,
      })),
    );
    const steer = { kind: "control", control: "canny", image: await png("second"), strength: 0.7 };
    const beside = control === undefined ? [] : [{ ...steer, model: join(fixture("controls"), control) }];
    const loras = lora === undefined ? [] : [{ model: join(fixture("loras"), `${lora}.safetensors`), strength: 0.8 }];
    const fields = { model: models[model], loras, ...(await inputs(task)) };
    const drawn = await pixels({ ...fields, conditioning: [...beside, ...prompts] });
    const { mean, max } = difference(drawn, await recorded(name));
    expect(mean).toBeLessThan(0.1);
    expect(max).toBeLessThanOrEqual(2);
    for (const without of [{ conditioning: beside }, ...(control ? [{ conditioning: prompts }] : [])])
      expect(difference(drawn, await pixels({ ...fields, ...without })).mean, "it does something").toBeGreaterThan(1);
  });
});

async function inputs(task: Case["task"]): Promise<object> {
  if (task === "text-to-image") return size;
  const image = await png("image");
  const edit = { task, image, strength: 0.8 };
  return task === "inpaint" ? { ...edit, mask: await png("mask"), keepUnmasked: false } : edit;
}

test("strength 0 and an empty window are the base; what can't be used is refused by its field", async () => {
  const image = await png("first");
  const entry = (more: object) => ({ kind: "image-prompt", image, model: join(folder, "sd1.safetensors"), ...more });
  const base = await pixels(size);
  expect(await pixels({ ...size, conditioning: [entry({ strength: 0 })] })).toEqual(base);
  expect(await pixels({ ...size, conditioning: [entry({ start: 0.5, end: 0.5 })] })).toEqual(base);
  for (const [more, field, message] of [
    [{ model: undefined }, "conditioning[0].model", /ipAdapter/],
    [{ model: join(folder, "sdxl.safetensors") }, "conditioning[0].model", /of another kind of model/],
    [{ model: join(fixture("loras"), "kohya.safetensors") }, "conditioning[0].model", /is not an IP-Adapter/],
    [{ imageEncoder: fixture("pipelines/sd1/unet") }, "conditioning[0].imageEncoder", /./],
  ] as const) {
    const job = generate({ ...size, conditioning: [entry(more)] });
    await expect(job).rejects.toMatchObject({ code: "invalid_request", issues: [{ field }] });
    await expect(job).rejects.toThrow(message);
  }
});
