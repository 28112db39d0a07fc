import { readFile } from "node:fs/promises";
import { createClient, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../../files/safetensors.ts";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { copyModel, fixtureModel, schedulerOf } from "../../testing/test-model.ts";

// Whole pictures against diffusers' (tools/oracle/pipelines.py), through the public API.
interface Case {
  name: string;
  request: GenerationInput & { count: number };
  scheduler?: Record<string, unknown>;
}

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

for (const model of ["sd1", "sd2", "f4"]) {
  const folder = fixtureModel(model);
  const cases = JSON.parse(await readFile(`${folder}.json`, "utf8")) as Case[];
  describe(`${model} makes diffusers' pictures`, () => {
    test.each(cases)("$name", async ({ name, request, scheduler }) => {
      const path = scheduler === undefined ? folder : await copyModel(model, await schedulerOf(model, scheduler));
      const { images } = await createClient({ backend }).generate({ ...request, model: path });
      expect(images).toHaveLength(request.count);
      const expected = await readBytes(`${folder}.safetensors`, `${name}.images`);
      const each = expected.length / images.length;
      for (const [i, image] of images.entries()) {
        const { data } = await image.pixels();
        const oracle = expected.subarray(i * each, (i + 1) * each);
        expect(data.length).toBe(oracle.length);
        expect(meanDifference(data, oracle), `image ${i}`).toBeLessThan(1);
      }
    });
  });
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

async function readBytes(path: string, name: string): Promise<Uint8Array> {
  const { tensors } = await readSafetensors(path);
  const { offset, length } = tensors.get(name)!;
  return (await readFile(path)).subarray(offset, offset + length);
}
