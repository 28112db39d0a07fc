import { readFile } from "node:fs/promises";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../files/safetensors.ts";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { copyModel, fixtureModel } from "../testing/test-model.ts";

// Old and careless configs, which diffusers' pipelines mend when they load them: tools/oracle/pipeline_corrections.py.
interface Case {
  name: string;
  request: GenerationInput;
  files: Record<string, unknown>;
}

const oracle = fixtureModel("sd1-corrections");
const { common, cases } = JSON.parse(await readFile(`${oracle}.json`, "utf8")) as { common: object; cases: Case[] };

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

async function recorded(path: string, name: string): Promise<Uint8Array> {
  const { tensors } = await readSafetensors(`${path}.safetensors`);
  const { offset, length } = tensors.get(name)!;
  return (await readFile(`${path}.safetensors`)).subarray(offset, offset + length);
}

async function picture(name: "image" | "mask"): Promise<Uint8Array> {
  const data = await recorded(fixtureModel("sd1-schedulers"), name);
  return encodeImage({ width: 32, height: 32, channels: 3, data }, "png");
}

describe("configs that diffusers' pipelines correct", () => {
  test.each(cases)("$name", async ({ name, request, files }) => {
    const inputs = {
      ...(request.task === "text-to-image" ? {} : { image: await picture("image") }),
      ...(request.task === "inpaint" ? { mask: await picture("mask"), keepUnmasked: false } : {}),
    };
    const model = await copyModel("sd1", files);
    const { images } = await createClient({ backend }).generate({
      ...common,
      ...request,
      ...inputs,
      model,
    } as GenerationInput);
    const { data } = await images[0]!.pixels();
    const expected = await recorded(oracle, name);
    expect(data).toHaveLength(expected.length);
    const apart = data.map((value, i) => Math.abs(value - expected[i]!));
    expect(apart.reduce((sum, value) => sum + value, 0) / apart.length).toBeLessThan(0.5);
    expect(Math.max(...apart)).toBeLessThanOrEqual(8);
  });
});
