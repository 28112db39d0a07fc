import { readFile } from "node:fs/promises";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "./local.ts";
import type { LocalBackend } from "./local-backend.ts";
import { copyModel, fixtureModel } from "./test-model.ts";
import { readSafetensors } from "./weights/safetensors.ts";

// Many schedulers in each task, several images at a time, and levels of one's own: tools/oracle/pipeline_schedulers.py.
interface Case {
  name: string;
  request: Partial<GenerationInput> & { count: number };
  scheduler: Record<string, unknown>;
}

const oracle = `${fixtureModel("sd1")}-schedulers`;
const { common, cases } = JSON.parse(await readFile(`${oracle}.json`, "utf8")) as {
  common: Partial<GenerationInput>;
  cases: Case[];
};
const { tensors } = await readSafetensors(`${oracle}.safetensors`);
const bytes = await readFile(`${oracle}.safetensors`);
const side = 32;

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

function recorded(name: string): Uint8Array {
  const { offset, length } = tensors.get(name)!;
  return bytes.subarray(offset, offset + length);
}

function picture(name: "image" | "mask"): Promise<Uint8Array> {
  return encodeImage({ width: side, height: side, channels: 3, data: recorded(name) }, "png");
}

async function requestOf({ request, scheduler }: Case): Promise<GenerationInput> {
  const model = await copyModel("sd1", { "scheduler/scheduler_config.json": scheduler });
  const image = request.task === "text-to-image" ? {} : { image: await picture("image") };
  const mask = request.task === "inpaint" ? { mask: await picture("mask") } : {};
  return { ...common, ...request, ...image, ...mask, model } as GenerationInput;
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

describe("diffusers' pictures", () => {
  test.each(cases)("$name", async (entry) => {
    const { images } = await createClient({ backend }).generate(await requestOf(entry));
    expect(images).toHaveLength(entry.request.count);
    const expected = recorded(entry.name);
    const each = expected.length / images.length;
    for (const [i, image] of images.entries()) {
      const { data } = await image.pixels();
      expect(data).toHaveLength(each);
      expect(meanDifference(data, expected.subarray(i * each, (i + 1) * each)), `image ${i}`).toBeLessThan(0.05);
    }
  });
});
