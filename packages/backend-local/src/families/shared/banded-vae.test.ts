import { readFile } from "node:fs/promises";
import { createClient } from "@latentkit/core";
import { beforeAll, describe, expect, test } from "vitest";
import { LoadedModel } from "../../engine/loaded-model.ts";
import { loadRuntime, type Runtime } from "../../engine/runtime.ts";
import { local } from "../../local.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { buildDCDecoder, buildDCTail, buildDCTrunk, dcCuts } from "../../networks/autoencoder-dc/autoencoder-dc.ts";
import {
  buildQwenVaeDecoder,
  buildQwenVaeTail,
  buildQwenVaeTrunk,
  qwenVaeCuts,
} from "../../networks/autoencoder-kl-qwen-image/autoencoder-kl-qwen-image.ts";
import {
  buildQwenVae21Decoder,
  buildQwenVae21Tail,
  buildQwenVae21Trunk,
  qwenVae21Cuts,
} from "../../networks/autoencoder-kl-qwen-image-21/autoencoder-kl-qwen-image-21.ts";
import { planModel } from "../../plan-model.ts";
import { difference } from "../../testing/single-file.ts";
import { fixture } from "../../testing/test-model.ts";
import type { NetworkRule } from "../family.ts";
import { type BandedVae, bandedMemory, decodeInBands } from "./banded-vae.ts";

const vaes: [family: string, whole: NetworkRule["build"], banded: BandedVae][] = [
  ["qwen-image", buildQwenVaeDecoder, { trunk: buildQwenVaeTrunk, tail: buildQwenVaeTail, cuts: qwenVaeCuts }],
  [
    "qwen-image-21",
    buildQwenVae21Decoder,
    { trunk: buildQwenVae21Trunk, tail: buildQwenVae21Tail, cuts: qwenVae21Cuts },
  ],
  ["sana", buildDCDecoder, { trunk: () => buildDCTrunk, tail: () => buildDCTail, cuts: dcCuts }],
];

const signal = new AbortController().signal;
let runtime: Runtime;
beforeAll(async () => {
  runtime = await loadRuntime({ device: "cpu", threads: 1 });
});

function noise(length: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 30 - 2;
  });
}

describe.each(vaes)("%s's VAE in bands", (family, whole, banded) => {
  test("decodes as the whole does, wherever it is cut", async () => {
    const model = new LoadedModel(await readModelFolder(fixture(`families/${family}`)), runtime);
    const { latentChannels: depth } = model.model.traits;
    const dims = [depth, 41, 5] as const;
    const latent = noise(depth * 41 * 5);
    const decoder = await model.assemble("whole decoder", "vae", whole);
    const input = new runtime.Tensor("float32", latent, [1, ...dims]);
    const { data } = await decoder.run({ latent_sample: input }, "sample", signal);
    const expected = data as Float32Array;
    const range = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const cuts = banded.cuts(model.model.parts.vae!.config);
    for (const cut of cuts) {
      const steps: number[] = [];
      const own = { ...banded, cuts: () => [cut] };
      const onProgress = (done: number) => void steps.push(done);
      const made = await decodeInBands(model, own, latent, dims, { signal, onProgress, budget: 1 });
      expect(steps.length).toBeGreaterThan(3);
      const furthest = made!.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
      expect(furthest / range).toBeLessThan(1e-5);
      // With less around each band the seams show.
      const short = { ...banded, cuts: () => [{ ...cut, reach: 1 }] };
      const seamed = await decodeInBands(model, short, latent, dims, { signal, budget: 1 });
      expect(seamed!.some((value, i) => Math.abs(value - expected[i]!) > 1e-4 * range)).toBe(true);
    }
    await model.release();
  });
});

test("of the published sizes, small pictures are decoded whole and large ones keep within 4 GB", () => {
  const means = { latents_mean: Array(16).fill(0), latents_std: Array(16).fill(1) };
  const at = (cuts: ReturnType<typeof qwenVaeCuts>, side: number, scale: number) =>
    bandedMemory(cuts, [1, side / scale, side / scale]);
  const qwen = qwenVaeCuts(means);
  expect(at(qwen, 1024, 8).whole).toBeLessThan(3e9);
  expect(at(qwen, 2048, 8).whole).toBeGreaterThan(7e9);
  expect(at(qwen, 2048, 8).least).toBeLessThan(2.6e9);
  expect(at(qwen, 4096, 8).least).toBeLessThan(4e9);
  const later = qwenVae21Cuts({ latents_mean: Array(64).fill(0), latents_std: Array(64).fill(1) });
  expect(at(later, 1024, 16).whole).toBeGreaterThan(5e9);
  expect(at(later, 1024, 16).least).toBeLessThan(2.6e9);
});

test("under maxMemory a picture is the one without, and the plan says that it is made in bands", async () => {
  const folder = fixture("families/qwen-image");
  const asked = { prompt: "a red apple", width: 256, height: 512, steps: 1, seed: 3 };
  const draw = async (maxMemory?: string) => {
    const backend = local({ model: folder, threads: 1, ...(maxMemory && { maxMemory }) });
    const { images } = await createClient({ backend }).generate(asked);
    await backend.dispose();
    return (await images[0]!.pixels()).data;
  };
  const { mean, max } = difference(await draw("300 MB"), await draw());
  expect(mean).toBeLessThan(0.01);
  expect(max).toBeLessThanOrEqual(1);
  const size = { width: 2048, height: 2048 };
  const { networks } = await planModel(folder, size);
  const { between } = networks.find(({ network }) => network === "vaeDecoder")!;
  const config = JSON.parse(await readFile(`${folder}/vae/config.json`, "utf8"));
  expect(between).toBe(bandedMemory(qwenVaeCuts(config), [16, 256, 256]).whole);
});
