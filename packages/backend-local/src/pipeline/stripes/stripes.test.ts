import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LoadedModel } from "../../engine/loaded-model.ts";
import { loadRuntime, type Runtime } from "../../engine/runtime.ts";
import { decodeStriped, encodeStriped } from "../../families/shared/striped-kl.ts";
import type { Model } from "../../models/model.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../../networks/autoencoder-kl/autoencoder-kl.ts";

const signal = new AbortController().signal;
let runtime: Runtime;
beforeAll(async () => {
  runtime = await loadRuntime({ device: "cpu", threads: 1 });
});

/** A VAE of the network fixtures as a model's only part. */
async function openVae(name: string): Promise<LoadedModel> {
  const path = fileURLToPath(new URL(`../../../fixtures/networks/${name}`, import.meta.url));
  const config = JSON.parse(await readFile(`${path}/config.json`, "utf8"));
  const vae = { weights: { kind: "folder", path }, config, file: `${path}/config.json` };
  return new LoadedModel({ path, parts: { vae }, tokenizers: {} } as unknown as Model, runtime);
}

const open = new Map<string, Promise<LoadedModel>>();
const vaeOf = (name: string) => open.get(name) ?? open.set(name, openVae(name)).get(name)!;
afterAll(async () => {
  for (const model of open.values()) await (await model).release();
});

function noise(length: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 30 - 2;
  });
}

function furthest(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

// All is kept; only whole layers; nothing that could be made again.
const budgets = [Number.POSITIVE_INFINITY, 3e5, 1];
const vaes = ["vae-f8", "vae-f4", "vae-f2"];

describe.each(vaes)("%s in stripes", (name) => {
  test.each(budgets)("decodes as the whole does, with %d bytes", async (budget) => {
    const model = await vaeOf(name);
    const { latent_channels: channels = 4 } = model.model.parts.vae!.config as { latent_channels?: number };
    const [height, width] = [14, 10];
    const latent = noise(channels * height * width);
    const whole = await model.assemble("whole decoder", "vae", buildVaeDecoder);
    const input = new runtime.Tensor("float32", latent, [1, channels, height, width]);
    const { data } = await whole.run({ latent_sample: input }, "sample", signal);
    const progress: [number, number][] = [];
    const onProgress = (...at: [number, number]) => void progress.push(at);
    const striped = await decodeStriped(model, latent, [channels, height, width], {
      onProgress,
      budget,
      signal,
      stripeBytes: 4000,
    });
    const spread = Math.max(...(data as Float32Array).map(Math.abs));
    expect(furthest(striped, data as Float32Array) / spread).toBeLessThan(1e-5);
    expect(progress.length).toBeGreaterThan(10);
    expect(progress).toEqual(progress.map((_, i) => [i + 1, progress.length]));
  });

  test.each(budgets)("encodes as the whole does, with %d bytes", async (budget) => {
    const model = await vaeOf(name);
    const [height, width] = [72, 56];
    const picture = noise(3 * height * width);
    const whole = await model.assemble("whole encoder", "vae", buildVaeEncoder);
    const { data } = await whole.run(
      { sample: new runtime.Tensor("float32", picture, [1, 3, height, width]) },
      "moments",
      signal,
    );
    const striped = await encodeStriped(model, { width, height, data: picture }, { budget, signal, stripeBytes: 4000 });
    const spread = Math.max(...(data as Float32Array).map(Math.abs));
    expect(furthest(striped, data as Float32Array) / spread).toBeLessThan(1e-5);
  });
});
