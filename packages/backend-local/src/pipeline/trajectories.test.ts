import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  brownianNoise,
  diffusersSchedulers,
  fromDiffusers,
  makeGuidance,
  makeNoiseSchedule,
  makePlan,
  runPlan,
  type SamplerName,
  startFromNoise,
  TorchGenerator,
} from "@latentkit/core/diffusion";
import { expect, test } from "vitest";
import { Network } from "../engine/network.ts";
import { loadRuntime } from "../engine/runtime.ts";
import { unetPasses } from "../families/shared/unet-passes.ts";
import { folderWeights } from "../files/weights.ts";
import { buildUNet } from "../networks/unet-2d-condition/unet-2d-condition.ts";
import { fixtureModel } from "../testing/test-model.ts";
import { guidedDenoiser } from "./guided-denoiser.ts";

// Every step of diffusers' schedulers over a UNet of diffusers: tools/oracle/unet_trajectories.py.
interface Case {
  name: string;
  config: Record<string, unknown>;
  unet: "sd1" | "sd2";
  guidance: number;
  seed: number;
  step?: object;
  offset: number;
  states: number;
}
interface Header {
  shape: [batch: number, channels: number, height: number, width: number];
  steps: number;
  textSeed: number;
  tokens: number;
  cases: Case[];
}

/** One sampler of ComfyUI's: tools/oracle/unet_comfy.py. */
interface ComfyCase {
  name: SamplerName;
  guidance: number;
  seed: number;
  offset: number;
  /** How often the model is called. */
  calls: number;
}

const fixture = (name: string) => new URL(`../../fixtures/trajectories/${name}`, import.meta.url);
const headerOf = (name: string) => JSON.parse(readFileSync(fixture(`${name}.json`), "utf8"));
const statesOf = (name: string) => new Float32Array(new Uint8Array(readFileSync(fixture(`${name}.bin`))).buffer);
const header: Header = headerOf("diffusers");
const comfy: Pick<Header, "steps"> & { cases: ComfyCase[] } = headerOf("comfy");
const [oracle, comfyOracle] = [statesOf("diffusers"), statesOf("comfy")];
const [, ...dims] = header.shape;
const size = dims[0] * dims[1] * dims[2];

/** In float32 onnxruntime sums in another order than torch does, and each step carries the difference on. */
const tolerance = 2e-5;
/** torch rounds the logarithm of a middle level to float32, which moves the timestep that the network is told by up to 1e-4. */
const looser: Record<string, number> = { KDPM2DiscreteScheduler: 1e-4, KDPM2AncestralDiscreteScheduler: 1e-4 };

const runtime = await loadRuntime({ device: "cpu", threads: 1 });
const { signal } = new AbortController();
const unets = { sd1: await loadUnet("sd1"), sd2: await loadUnet("sd2") };

test("every scheduler of diffusers that is followed has a case", () => {
  expect(new Set(header.cases.map(({ config }) => config._class_name))).toEqual(new Set(diffusersSchedulers));
});

test.each(header.cases)("$name", async ({ config, unet, guidance, seed, step: options, ...at }) => {
  const plan = fromDiffusers(config);
  const grid = plan.grid({ steps: header.steps });
  const generator = new TorchGenerator(seed);
  const x = startFromNoise(grid, generator.randn(size));
  const network = guidedDenoiser(unets[unet], makeGuidance({ scale: guidance }, grid.steps));
  const treeSeed = config.noise_sampler_seed;
  const noise =
    typeof treeSeed === "number"
      ? brownianNoise({ seed: treeSeed, length: size, sigmas: grid.sigmas })
      : () => generator.randn(size);
  let steps = 0;
  for await (const { x: latent } of runPlan(plan, { grid, network, x, noise, ...(options ? { options } : {}) })) {
    const from = at.offset + steps * size;
    const error = relativeError(latent, oracle.subarray(from, from + size));
    steps++;
    expect(error, `step ${steps}`).toBeLessThan(looser[String(config._class_name)] ?? tolerance);
  }
  expect(steps).toBe(at.states);
});

// The samplers that diffusers has not: the latent of every call, those within a step too.
test.each(comfy.cases)("ComfyUI's $name", async ({ name: sampler, guidance, seed, offset, calls }) => {
  const plan = makePlan({ sampler, scheduler: "karras", schedule: makeNoiseSchedule(), prediction: "epsilon" });
  const grid = plan.grid({ steps: comfy.steps });
  const generator = new TorchGenerator(seed);
  const noise = () => generator.randn(size);
  const first = Math.fround(grid.sigmas[0]!);
  const x = noise().map((value) => value * first);
  const mode = sampler.endsWith("_cfg_pp") ? "cfg++" : "cfg";
  const network = guidedDenoiser(unets.sd1, makeGuidance({ scale: guidance, mode }, grid.steps));
  const seen: Float32Array[] = [x.slice()];
  const halfway = (latent: Float32Array) => void seen.push(latent.slice());
  for await (const step of runPlan(plan, { grid, network, uncond: network.uncond, x, noise, halfway }))
    seen.push(step.x.slice());
  expect(seen).toHaveLength(calls + 1);
  for (const [call, latent] of seen.entries()) {
    const from = offset + call * size;
    expect(relativeError(latent, comfyOracle.subarray(from, from + size)), `call ${call}`).toBeLessThan(tolerance);
  }
});

/** A fixture's UNet with two random texts: the unconditional and the conditional. */
async function loadUnet(name: "sd1" | "sd2") {
  const folder = join(fixtureModel(name), "unet");
  const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
  const unet = await Network.load(buildUNet(config, await folderWeights(folder)), runtime);
  const texts = [2, header.tokens, config.cross_attention_dim as number];
  const data = new TorchGenerator(header.textSeed).randn(texts.reduce((product, n) => product * n));
  const rows = { encoder_hidden_states: { data, dims: texts } };
  return { warnings: [], predict: unetPasses({ unet, perturbs: false, runtime, rows, dims, signal }) };
}

/** Greatest difference, relative to the greatest expected magnitude. */
function relativeError(found: Float32Array, expected: Float32Array): number {
  const difference = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0);
  return difference / expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
