import { createClient } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { ownMemory } from "../../engine/memory.ts";
import { local } from "../../local.ts";
import { autoencoderKLConfig } from "../../networks/autoencoder-kl/autoencoder-kl-config.ts";
import { fixtureModel } from "../../testing/test-model.ts";
import type { OpenModel } from "../family.ts";
import { leastBytes, requireMemory, vaeBudget, wholeBytes } from "./vae-memory.ts";

// Stable Diffusion's own VAE.
const spec = autoencoderKLConfig({
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill("DownEncoderBlock2D"),
  up_block_types: Array(4).fill("UpDecoderBlock2D"),
  layers_per_block: 2,
});

function modelWith(maxMemory: number | undefined) {
  const rests: number[] = [];
  const parts = { vae: { weights: { kind: "folder" } } };
  const model = { model: { parts }, runtime: { maxMemory }, rest: async () => void rests.push(1) };
  return { model: model as unknown as OpenModel, rests };
}

const square = (pixels: number, half: "encoder" | "decoder" = "decoder") => ({
  half,
  height: pixels / 8,
  width: pixels / 8,
});

describe("how a VAE's work is done", () => {
  test("2048×2048 at Stable Diffusion's size keeps within 4 GB, both ways", () => {
    for (const half of ["decoder", "encoder"] as const) {
      expect(wholeBytes(spec, square(2048, half))).toBeGreaterThan(8e9);
      expect(leastBytes(spec, square(2048, half))).toBeLessThan(3.2e9);
    }
  });

  test("by size alone where there is no bound", async () => {
    const { model, rests } = modelWith(undefined);
    expect(await vaeBudget(model, spec, square(512))).toBe("whole");
    expect(await vaeBudget(model, spec, square(1024))).toBe("whole");
    expect(await vaeBudget(model, spec, square(1536))).toBeGreaterThan(2e9);
    expect(rests).toHaveLength(0);
  });

  test("by what maxMemory leaves; others rest only where stripes would not fit either", async () => {
    const wide = modelWith(ownMemory() + 20e9);
    expect(await vaeBudget(wide.model, spec, square(2048))).toBe("whole");
    const enough = modelWith(ownMemory() + 3.5e9);
    const budget = await vaeBudget(enough.model, spec, square(2048));
    expect(budget).toBeGreaterThan(2e9);
    expect(budget).toBeLessThan(3.5e9);
    expect(enough.rests).toHaveLength(0);
    const short = modelWith(ownMemory() + 1e9);
    await vaeBudget(short.model, spec, square(2048));
    expect(short.rests).toHaveLength(1);
  });

  test("a size that can't be had is refused with one that can", () => {
    const { model } = modelWith(2e9);
    expect(() => requireMemory(model, spec, square(1024))).not.toThrow();
    const refuse = () => requireMemory(model, spec, square(4096));
    expect(refuse).toThrow(/4096×4096 takes at least \d+\.\d GB, and maxMemory is 2\.0 GB; (\d+)×\1 would fit/);
    try {
      refuse();
    } catch (error) {
      const { largestSide } = (error as { details: { largestSide: number } }).details;
      expect(() => requireMemory(model, spec, square(largestSide))).not.toThrow();
      expect(() => requireMemory(model, spec, square(largestSide + 8))).toThrow();
    }
  });
});

test("local({ maxMemory }) refuses before any work, and goes on with what fits, though all networks rest in between", async () => {
  const request = { prompt: "a red apple", steps: 2, seed: 3 } as const;
  const [bound, free] = [
    local({ model: fixtureModel("sd1"), threads: 1, maxMemory: "300 MB" }),
    local({ model: fixtureModel("sd1"), threads: 1 }),
  ];
  const large = createClient({ backend: bound }).generate({ ...request, width: 4096, height: 4096 });
  await expect(large).rejects.toMatchObject({
    code: "out_of_memory",
    retryable: false,
    message: expect.stringMatching(/maxMemory is 300 MB/),
  });
  const pictures = await Promise.all(
    [bound, free].map(async (backend) => (await createClient({ backend }).generate({ ...request, count: 2 })).images),
  );
  for (const i of [0, 1]) expect(await pictures[0]![i]!.pixels()).toEqual(await pictures[1]![i]!.pixels());
  await bound.dispose();
  await free.dispose();
});

test.each([1000, "lots", "1 kB", "100 MB", -1])("maxMemory %j is refused", (maxMemory) => {
  expect(() => local({ maxMemory })).toThrow(/maxMemory/);
});
