import { describe, expect, it } from "vitest";
import { brownianNoise } from "./noise/brownian-tree.ts";
import { TorchGenerator } from "./noise/torch-generator.ts";
import type { Sampler } from "./sampler.ts";
import { type SamplerName, samplers } from "./samplers.ts";
import type { Space } from "./space.ts";
import { readFixture, recordedComfyModel, relativeError } from "./test-oracle.ts";

interface Case {
  name: SamplerName;
  space: Space;
  options: Record<string, unknown>;
  sigmas: number[];
  /** The noise level of each call of the model. */
  levels: number[];
  offset: number;
}

const SIZE = 32;
const { header, data } = readFixture<{ samplers: Case[] }>("comfy");

const ours: Record<string, string> = {
  s_churn: "sChurn",
  s_tmin: "sTmin",
  s_tmax: "sTmax",
  s_noise: "sNoise",
  solver_type: "solver",
  max_order: "order",
  max_stage: "order",
};

/** Where float32 rounding is amplified, so that 1e-5 can't be held; the reason beside each. */
const looser: Partial<Record<SamplerName, number>> = {
  // ComfyUI's step subtracts ε from x and divides by √ᾱ at every level, which loses a digit.
  ddpm: 1e-4,
};

describe("ComfyUI's samplers", () => {
  it.each(header.samplers.map((test) => [`${test.name} ${test.space} ${JSON.stringify(test.options)}`, test] as const))(
    "%s",
    async (_, test) => {
      const generator = new TorchGenerator(3);
      const first = test.sigmas[0]!;
      const x = generator.randn(SIZE).map((value) => value * Math.fround(first));
      const { tree, ...named } = test.options;
      const noise =
        tree === undefined
          ? () => generator.randn(SIZE)
          : brownianNoise({ seed: tree as number, length: SIZE, sigmas: test.sigmas });
      const { calls, model, uncond } = recordedComfyModel(SIZE);
      const options = {
        ...Object.fromEntries(Object.entries(named).map(([key, value]) => [ours[key] ?? key, value])),
        uncond,
      };
      const sampler: Sampler = samplers[test.name];
      let last: Float32Array = x;
      let steps = 0;
      for await (const step of sampler({ model, x, sigmas: test.sigmas, space: test.space, noise, options })) {
        last = step.x;
        steps = step.step;
      }
      expect(steps).toBe(test.sigmas.length - 1);
      expect(
        relativeError(
          calls.map(({ level }) => level),
          test.levels,
        ),
      ).toBeLessThan(1e-6);
      for (const [i, call] of [...calls, { x: last }].entries()) {
        const from = test.offset + i * SIZE;
        expect(relativeError(call.x, data.subarray(from, from + SIZE)), `call ${i}`).toBeLessThan(
          looser[test.name] ?? 1e-5,
        );
      }
    },
  );
});
