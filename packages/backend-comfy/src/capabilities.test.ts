import { createClient, type GenerationInput } from "@latentkit/core";
import { FakeComfy, ipAdapterNodes } from "@latentkit/testing";
import { expect, it } from "vitest";
import { comfy } from "./comfy-backend.ts";

it("tells what the server can do, from its node definitions", async () => {
  const fake = await FakeComfy.start({
    extraNodes: ipAdapterNodes(),
    architectures: { "mystery.safetensors": "stable-diffusion-xl-v1-base" },
    models: { checkpoints: ["tiny.safetensors", "mystery.safetensors"] },
  });
  const backend = comfy({ url: fake.url, checkpoint: "tiny" });
  try {
    const sd = await backend.capabilities();
    expect(sd.model).toEqual({ id: "tiny.safetensors" });
    expect(sd.tasks).toEqual(["text-to-image", "image-to-image", "inpaint", "outpaint", "upscale", "unconditional"]);
    expect(sd.conditioning).toEqual(["text", "control", "image-prompt"]);
    expect(sd.schedulers).toContain("karras");
    expect(sd.limits).toEqual({
      width: { min: 16, max: 16384, multipleOf: 8 },
      height: { min: 16, max: 16384, multipleOf: 8 },
      steps: { min: 1, max: 10000 },
      guidanceScale: { min: 0, max: 100 },
      count: { min: 1, max: 256 },
    });
    const flux = await backend.capabilities("flux1-dev");
    expect(flux.tasks).toEqual(["text-to-image", "image-to-image", "upscale"]);
    expect(flux.features).not.toContain("negativePrompt");
    expect(flux.limits.width?.multipleOf).toBe(16);
    expect((await backend.capabilities("RealESRGAN_x2")).tasks).toEqual(["upscale"]);
    expect((await backend.capabilities("mystery")).features).toContain("clipSkip");
    await expect(backend.capabilities("flax1-dev")).rejects.toMatchObject({
      code: "invalid_request",
      issues: [{ field: "model", message: expect.stringContaining("did you mean flux1-dev.safetensors") }],
    });
  } finally {
    await backend.dispose();
    await fake.stop();
  }
});

it("says by kind which models there are, and what a missing feature would take", async () => {
  const fake = await FakeComfy.start({ withoutNodes: ["ManualSigmas", "UpscaleModelLoader"] });
  const backend = comfy({ url: fake.url });
  const client = createClient({ backend });
  try {
    const refused = (input: GenerationInput) => client.generate(input).catch((error: unknown) => error);
    const image = { base64: "" };
    expect(await refused({ task: "upscale", image, model: "4x-Foolhardy" })).toMatchObject({
      code: "invalid_request",
      message: expect.stringMatching(/no model "4x-Foolhardy"; it has checkpoints .*tiny.*; no upscale models/),
    });
    expect(await refused({ prompt: "x", sigmas: [14, 7, 0] })).toMatchObject({
      code: "unsupported",
      issues: [{ field: "sigmas", message: expect.stringContaining("needs the node ManualSigmas") }],
    });
  } finally {
    await client.dispose();
    await fake.stop();
  }
});
