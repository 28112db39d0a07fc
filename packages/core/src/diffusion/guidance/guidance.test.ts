import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { relativeError } from "../test-oracle.ts";
import { type GuidanceSettings, makeGuidance } from "./guidance.ts";
import { guidedNetwork } from "./guided-network.ts";
import { rescaleGuidance } from "./rescale.ts";

interface Fixture {
  /** Of each step, the outputs for the prompt, for the negative prompt, and of the perturbed network. */
  outputs: [number[], number[], number[]][];
  cases: { name: string; settings: GuidanceSettings; results: number[][] }[];
}

const fixture = JSON.parse(readFileSync(new URL("../fixtures/guidance.json", import.meta.url), "utf8")) as Fixture;
const steps = fixture.outputs.length;

describe("guidance", () => {
  it.each(fixture.cases)("$name $settings is diffusers'", ({ settings, results }) => {
    const guidance = makeGuidance(settings, steps);
    for (const [i, outputs] of fixture.outputs.entries()) {
      const [cond, uncond, perturbed] = outputs.map((values) => Float32Array.from(values)) as Float32Array[];
      const guided = guidance.combine(i, cond!, uncond, perturbed);
      expect(relativeError(guided, results[i]!), `step ${i}`).toBeLessThan(1e-5);
    }
  });

  it("runs only the passes that a step needs", async () => {
    const calls: string[] = [];
    const pass = (name: string) => async (input: Float32Array, _: number, index: number) => {
      calls.push(`${name}${index}`);
      return input.slice();
    };
    const guidance = makeGuidance({ scale: 1, scales: [1, 3, 3, 3], start: 0, end: 0.75 }, 4);
    const network = guidedNetwork(guidance, {
      cond: pass("cond"),
      uncond: pass("uncond"),
      perturbed: pass("perturbed"),
    });
    for (let i = 0; i < 4; i++) await network(new Float32Array(3), 1, i);
    expect(calls).toEqual(["cond0", "uncond1", "cond1", "uncond2", "cond2", "cond3"]);
  });

  it("asks for the perturbed pass where its scale is above 0", () => {
    const adaptive = makeGuidance({ scale: 3, pagScale: 2, pagAdaptiveScale: 0.004, start: 0.25, end: 0.75 }, 4);
    expect([0, 1, 2, 3].map((i) => adaptive.needsPerturbed(i))).toEqual([false, true, true, false]);
    expect([999, 501, 500, 499, 1].map((t) => adaptive.needsPerturbed(1, t))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    const [cond, perturbed] = [Float32Array.of(2), Float32Array.of(1)];
    expect(adaptive.combine(1, cond, Float32Array.of(2), perturbed, 750)).toEqual(Float32Array.of(3));
    expect(() => adaptive.combine(1, cond, Float32Array.of(2))).toThrow(/perturbed.*step 1/);
  });

  it("with perturbed attention alone is not rescaled, as in diffusers' pipelines", () => {
    const [cond, perturbed] = [Float32Array.of(1, -1), Float32Array.of(0, 0)];
    const alone = makeGuidance({ scale: 1, pagScale: 3, rescale: 1 }, 1).combine(0, cond, undefined, perturbed);
    expect(alone).toEqual(Float32Array.of(4, -4));
    expect(cond).toEqual(Float32Array.of(1, -1));
    const both = makeGuidance({ scale: 2, pagScale: 3, rescale: 1 }, 1);
    expect(both.combine(0, cond, Float32Array.of(0, 0), perturbed)).toEqual(Float32Array.of(1, -1));
  });

  it("outside its interval CFG++ is no guidance: the way back to noise is the conditional output's", async () => {
    const guidance = makeGuidance({ mode: "cfg++", scale: 0.6, start: 0, end: 0.5 }, 2);
    const [cond, uncond] = [async () => Float32Array.of(2), async () => Float32Array.of(1)];
    const network = guidedNetwork(guidance, { cond, uncond });
    await network(new Float32Array(1), 1, 0);
    expect(network.uncond()).toEqual(Float32Array.of(1));
    await network(new Float32Array(1), 1, 1);
    expect(network.uncond()).toEqual(Float32Array.of(2));
  });

  it("is the conditional output itself at scale 1", () => {
    const cond = Float32Array.of(1, 2, 3);
    expect(makeGuidance({ scale: 1, rescale: 0.5 }, 2).combine(0, cond)).toBe(cond);
  });

  it("goes from one scale to another", () => {
    const linear = makeGuidance({ scale: { from: 1, to: 9 } }, 5);
    expect([0, 1, 2, 3, 4].map(linear.scaleAt)).toEqual([1, 3, 5, 7, 9]);
    const cosine = makeGuidance({ scale: { from: 2, to: 4, curve: "cosine" } }, 3);
    expect([0, 1, 2].map(cosine.scaleAt)).toEqual([2, expect.closeTo(3), 4]);
    expect(makeGuidance({ scale: { from: 7, to: 1 } }, 1).scaleAt(0)).toBe(7);
  });

  it("leaves no NaN where an output is flat or zero", () => {
    const zero = new Float32Array(4);
    expect(rescaleGuidance(zero.slice(), zero, 1)).toEqual(zero);
    for (const mode of ["cfg", "cfg++", "apg", "cfg-zero-star"] as const)
      expect(makeGuidance({ mode, scale: 5, zeroInitSteps: 0 }, 1).combine(0, zero.slice(), zero.slice())).toEqual(
        zero,
      );
  });

  it("refuses outputs of different lengths", () => {
    const [four, eight] = [new Float32Array(4), new Float32Array(8)];
    expect(() => makeGuidance({ scale: 3 }, 4).combine(0, four, eight)).toThrow(/uncond.*8 values, cond 4/);
    expect(() => makeGuidance({ scale: 1, pagScale: 2 }, 4).combine(0, four, four, eight)).toThrow(/perturbed.*8/);
  });

  it.each<[Partial<GuidanceSettings>, RegExp]>([
    [{ scale: Number.NaN }, /scale/],
    [{ scales: [1, 2] }, /scales.*2 entries for 6 steps/],
    [{ rescale: 2 }, /rescale.*0 to 1/],
    [{ mode: "apg", apgEta: Number.NaN }, /apgEta/],
    [{ mode: "apg", apgMomentum: 2 }, /apgMomentum.*-1 to 1/],
    [{ pagScale: -1 }, /pagScale.*0 to/],
    [{ pagScale: 1, pagAdaptiveScale: Number.NaN }, /pagAdaptiveScale/],
    [{ start: 0.8, end: 0.2 }, /end.*0.8 to 1/],
    [{ mode: "cgf" as "cfg" }, /mode.*cfg, cfg\+\+, apg, cfg-zero-star/],
  ])("refuses %j", (settings, message) => {
    expect(() => makeGuidance({ scale: 2, ...settings }, 6)).toThrow(message);
  });
});
