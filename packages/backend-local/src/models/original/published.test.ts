import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { WeightTensor } from "../../files/safetensors.ts";
import { renamedWeights } from "../../files/tensor-views.ts";
import type { Weights } from "../../files/weights.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../../networks/autoencoder-kl/autoencoder-kl.ts";
import { buildClipText } from "../../networks/clip-text/clip-text.ts";
import { buildUNet } from "../../networks/unet-2d-condition/unet-2d-condition.ts";
import { readCheckpoint } from "./checkpoint.ts";

// Names and shapes of the real models' tensors, of the reference's classes: tools/oracle/published.py.
type Shapes = Record<string, number[]>;
interface Published {
  unet: Record<string, unknown>;
  vae: Record<string, unknown>;
  texts: Record<string, unknown>[];
  original: Shapes;
  diffusers: { unet: Shapes; vae: Shapes };
  parameters: { unet: number; vae: number };
}
const file = new URL("../../../fixtures/published.json.gz", import.meta.url);
const models = JSON.parse(gunzipSync(await readFile(file)).toString()) as Record<string, Published>;

function weightsOf(shapes: Shapes, path = "/none"): Weights {
  const tensors = Object.entries(shapes).map(([name, shape]): [string, WeightTensor] => {
    const length = 2 * elements(shape);
    return [name, { name, shape, dtype: "F16", file: path, offset: 0, length }];
  });
  return renamedWeights("/none", new Map(tensors));
}

const elements = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

const expected: Record<string, { pipeline: string; scheduler: string; parts: string[] }> = {
  "sd1.5": { pipeline: "StableDiffusionPipeline", scheduler: "PNDMScheduler", parts: ["textEncoder"] },
  "sd1.5-inpainting": {
    pipeline: "StableDiffusionInpaintPipeline",
    scheduler: "DDIMScheduler",
    parts: ["textEncoder"],
  },
  "instruct-pix2pix": {
    pipeline: "StableDiffusionInstructPix2PixPipeline",
    scheduler: "EulerAncestralDiscreteScheduler",
    parts: ["textEncoder"],
  },
  "sd2.1": { pipeline: "StableDiffusionPipeline", scheduler: "DDIMScheduler", parts: ["textEncoder"] },
  "sd2-inpainting": { pipeline: "StableDiffusionInpaintPipeline", scheduler: "DDIMScheduler", parts: ["textEncoder"] },
  "sdxl-base": {
    pipeline: "StableDiffusionXLPipeline",
    scheduler: "EulerDiscreteScheduler",
    parts: ["textEncoder", "textEncoder2"],
  },
  "sdxl-inpainting": {
    pipeline: "StableDiffusionXLInpaintPipeline",
    scheduler: "EulerDiscreteScheduler",
    parts: ["textEncoder", "textEncoder2"],
  },
  "sdxl-refiner": {
    pipeline: "StableDiffusionXLImg2ImgPipeline",
    scheduler: "EulerDiscreteScheduler",
    parts: ["textEncoder2"],
  },
  "x4-upscaler": { pipeline: "StableDiffusionUpscalePipeline", scheduler: "DDIMScheduler", parts: ["textEncoder"] },
};

describe("published checkpoints are recognised from names and shapes", () => {
  test.each(Object.entries(models))("%s", async (name, published) => {
    // Stable Diffusion 2's two kinds are told apart by a tensor's values, which are not here.
    const option = name === "sd2.1" ? ({ prediction: "v_prediction" } as const) : {};
    const model = await readCheckpoint(weightsOf(published.original), "model.diffusion_model.", option);
    const { pipeline, scheduler, parts: texts } = expected[name]!;
    expect(model.pipeline).toBe(pipeline);
    expect(model.scheduler._class_name).toBe(scheduler);
    expect(Object.keys(model.parts).sort()).toEqual(["unet", "vae", ...texts].sort());
    expect(model.parts.unet?.config).toMatchObject(comparable(published.unet));
    expect(model.parts.vae?.config).toMatchObject(published.vae);
    for (const [i, part] of texts.entries()) {
      // The projected text, and the block after the states that count, are used by no family but SDXL.
      const { projection_dim, ...wanted } = published.texts[i]!;
      const last = name.startsWith("sd2") || name === "x4-upscaler" ? { num_hidden_layers: 23 } : {};
      const projected = part === "textEncoder2" ? { projection_dim } : {};
      expect(model.parts[part as "textEncoder"]?.config).toMatchObject({ ...wanted, ...last, ...projected });
    }
    // The view answers to every name of the reference's own state dict.
    for (const part of ["unet", "vae"] as const) {
      const shapes = published.diffusers[part];
      const { weights } = model.parts[part]!;
      expect([...weights.names()].sort()).toEqual(Object.keys(shapes).sort());
      for (const [tensor, shape] of Object.entries(shapes))
        expect(elements(weights.find(tensor)!.shape), tensor).toBe(elements(shape));
      const total = [...weights.names()].reduce((sum, tensor) => sum + elements(weights.find(tensor)!.shape), 0);
      expect(total).toBe(published.parameters[part]);
    }
    const { unet, vae, ...encoders } = model.parts;
    buildUNet(unet!.config, unet!.weights);
    buildVaeEncoder(vae!.config, vae!.weights);
    buildVaeDecoder(vae!.config, vae!.weights);
    for (const { config, weights } of Object.values(encoders)) buildClipText(config, weights);
  });
});

describe("what a single file doesn't say is as published", () => {
  test("the refiner encodes an empty negative prompt, and the base model does not", async () => {
    for (const [name, zeros] of [
      ["sdxl-refiner", false],
      ["sdxl-base", true],
    ] as const) {
      const { options } = await readCheckpoint(weightsOf(models[name]!.original), "model.diffusion_model.");
      expect(options.force_zeros_for_empty_prompt, name).toBe(zeros);
    }
  });

  test("CosXL's editor sees the picture's latent scaled, SDXL's as it is", async () => {
    const { original } = models["sdxl-base"]!;
    const input = "model.diffusion_model.input_blocks.0.0.weight";
    const editor = { ...original, [input]: [320, 8, 3, 3] };
    const read = (shapes: Shapes) => readCheckpoint(weightsOf(shapes, fileURLToPath(file)), "model.diffusion_model.");
    expect((await read(editor)).options).not.toHaveProperty("is_cosxl_edit");
    // Its mark: a number that is empty here, for which the published one stands.
    const marked = await read({ ...editor, "edm_vpred.sigma_max": [0] });
    expect(marked.options).toMatchObject({ is_cosxl_edit: true });
    expect(marked.scheduler).toMatchObject({ _class_name: "EDMEulerScheduler", sigma_max: 120 });
  });
});

/** What of a config counts: a level without attention has a depth and a kind of attention in it that nothing reads. */
function comparable(config: Record<string, unknown>): Record<string, unknown> {
  if (config.transformer_layers_per_block === 4) return { ...config, transformer_layers_per_block: [1, 4, 4, 4] };
  return Array.isArray(config.only_cross_attention)
    ? { ...config, only_cross_attention: [false, true, true, false] }
    : config;
}
