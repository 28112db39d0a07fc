import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import type { LocalOptions } from "../local-options.ts";
import { quantisedUnet } from "../testing/quantised.ts";
import { difference, singleFile } from "../testing/single-file.ts";
import { softwareGpus } from "../testing/software-gpu.ts";
import { fixture, fixtureModel, recordedTensor } from "../testing/test-model.ts";

// Shaders are compiled the first time, on a machine that may be busy.
vi.setConfig({ testTimeout: 1_200_000 });

const gpus = softwareGpus();
const controls = fixture("controls");
const control = await encodeImage(
  { width: 64, height: 64, channels: 3, data: await recordedTensor(join(controls, "images.safetensors"), "control") },
  "png",
);
const common = {
  prompt: "a red apple",
  negativePrompt: "blurry",
  width: 64,
  height: 64,
  steps: 2,
  guidanceScale: 5,
  seed: 3,
};
const entry = { kind: "control", control: "canny", image: control, model: join(controls, "sd1-a") };
const requests: Record<string, Partial<GenerationInput>> = {
  "two steps": {},
  "two steps with a LoRA": { loras: [{ model: "kohya" }] },
  "two steps with a ControlNet": { conditioning: [entry] as never },
};

test.skipIf(gpus.length > 0)("pictures on a GPU: not run, no software GPU is installed here", ({ skip }) => skip());

describe.each(gpus)("on $name", ({ env }) => {
  let onGpu: LocalBackend;
  let onCpu: LocalBackend;
  beforeAll(() => {
    // Engines are started later: with what is in the environment then.
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const options: LocalOptions = { model: fixtureModel("sd1"), threads: 1, loraFolder: fixture("loras") };
    onGpu = local({ ...options, device: "webgpu" });
    onCpu = local(options);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await onGpu.dispose();
    await onCpu.dispose();
  });

  test.each(Object.entries(requests))("%s: the CPU's picture but for a rounding", async (_, request) => {
    const drawn = async (backend: LocalBackend) =>
      createClient({ backend }).generate({ ...common, ...request } as GenerationInput);
    const [mine, right] = [await drawn(onGpu), await drawn(onCpu)];
    expect(mine.recipe.device).toMatchObject({ name: "webgpu", precision: "float32" });
    const pixels = async (result: typeof mine) => (await result.images[0]!.pixels()).data;
    expect(difference(await pixels(mine), await pixels(right)).max).toBeLessThanOrEqual(1);
  });

  test.each(["int8_convrot.safetensors", "q4_k.gguf"])("two steps of %s: the CPU's picture too", async (name) => {
    const options: LocalOptions = {
      model: await singleFile("sd1"),
      parts: { unet: await quantisedUnet(name) },
      threads: 1,
    };
    const drawn = async (device: "webgpu" | "cpu") => {
      const backend = local({ ...options, device });
      onTestFinished(() => backend.dispose());
      const { images, recipe } = await createClient({ backend }).generate(common);
      expect(recipe.device?.name).toBe(device);
      return (await images[0]!.pixels()).data;
    };
    expect(difference(await drawn("webgpu"), await drawn("cpu")).max).toBeLessThanOrEqual(1);
  });
});
