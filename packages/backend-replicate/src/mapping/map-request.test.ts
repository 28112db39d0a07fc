import { checkCapabilities, type GenerationInput, parseRequest, UnsupportedError } from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { capabilitiesOf } from "../capabilities.ts";
import { FileSlot } from "../files/file-slot.ts";
import { readModelSchema } from "../model/input-schema.ts";
import type { ResolvedModel } from "../model/resolved-model.ts";
import { familySchemas } from "../testing/family-schemas.ts";
import { mapRequest } from "./map-request.ts";

function modelOf(id: string): ResolvedModel {
  const [owner, name] = id.split("/");
  const schema = readModelSchema(familySchemas[id], id);
  return { ref: id, owner, name, identity: { id }, schema, create: { path: "/predictions" } };
}

/** The input that a request becomes, with files shown as the field that they come from. */
function map(id: string, input: GenerationInput, own: Record<string, unknown> = {}) {
  const mapped = mapRequest(parseRequest(input), own, modelOf(id));
  const show = (value: unknown): unknown =>
    value instanceof FileSlot ? `<${value.field}>` : Array.isArray(value) ? value.map(show) : value;
  const shown = Object.fromEntries(Object.entries(mapped.input).map(([name, value]) => [name, show(value)]));
  return { ...mapped, input: shown, warned: mapped.warnings.map(({ field }) => field) };
}

/** Fields that are refused, by the capabilities or by the mapping. */
function refused(id: string, input: GenerationInput, own: Record<string, unknown> = {}): string[] {
  const request = parseRequest(input);
  const issues = checkCapabilities(request, capabilitiesOf(modelOf(id), true));
  if (issues.length > 0) return issues.map(({ field }) => field);
  try {
    mapRequest(request, own, modelOf(id));
  } catch (error) {
    if (UnsupportedError.isInstance(error)) return error.issues.map(({ field }) => field);
    throw error;
  }
  return [];
}

const tasksOf = (id: string) => capabilitiesOf(modelOf(id), true).tasks;
const control = (fields: object = {}) =>
  ({ kind: "control", control: "canny", image: "edges.png", ...fields }) as const;

describe("SDXL", () => {
  const id = "stability-ai/sdxl";
  it("takes everything by its own names", () => {
    const request = {
      prompt: "a",
      negativePrompt: "b",
      width: 1024,
      height: 768,
      steps: 30,
      guidanceScale: 6,
    } as const;
    const lora = { model: "https://example.org/l.tar", strength: 0.7 };
    expect(map(id, { ...request, sampler: "dpmpp_2m", scheduler: "karras", loras: [lora] }).input).toEqual({
      prompt: "a",
      negative_prompt: "b",
      width: 1024,
      height: 768,
      num_inference_steps: 30,
      guidance_scale: 6,
      scheduler: "KarrasDPM",
      replicate_weights: "https://example.org/l.tar",
      lora_scale: 0.7,
    });
    expect(tasksOf(id)).toEqual(["text-to-image", "image-to-image", "inpaint", "outpaint"]);
  });

  it("edits and inpaints", () => {
    expect(map(id, { task: "image-to-image", prompt: "a", image: "in.png", strength: 0.4 }).input).toEqual({
      prompt: "a",
      image: "<image>",
      prompt_strength: 0.4,
    });
    const inpaint = map(id, { task: "inpaint", prompt: "a", image: "in.png", mask: "m.png" });
    expect(inpaint.input).toMatchObject({ image: "<image>", mask: "<mask>", prompt_strength: 1 });
  });

  it("is sent an empty prompt, as its own default is another text", () => {
    expect(map(id, { prompt: "", negativePrompt: "" }).input).toEqual({ prompt: "", negative_prompt: "" });
    expect(map("jagilley/controlnet-canny", { prompt: "a", conditioning: [control()] }).resolved).toMatchObject({
      negativePrompt: "lowres",
    });
  });

  it("names what the model decides where the request is silent", () => {
    expect(map(id, { prompt: "a" }).resolved).toEqual({
      steps: 50,
      guidanceScale: 7.5,
      width: 1024,
      height: 1024,
      sampler: "euler",
    });
  });

  it("refuses what it cannot do, naming the field", () => {
    expect(refused(id, { prompt: "a", sampler: "uni_pc" })).toEqual(["sampler"]);
    expect(refused(id, { prompt: "a", sampler: "ddim", scheduler: "karras" })).toEqual(["sampler"]);
    expect(refused(id, { prompt: "a", width: 1001 })).toEqual(["width"]);
    expect(refused(id, { prompt: "a", clipSkip: 2 })).toEqual(["clipSkip"]);
    expect(refused(id, { prompt: "a", loras: [{ model: "a" }, { model: "b" }] })).toEqual(["loras[1]"]);
    expect(refused(id, { prompt: "a", loras: [{ model: "a", textEncoderStrength: 1 }] })).toEqual([
      "loras[0].textEncoderStrength",
    ]);
    expect(refused(id, { prompt: "a", conditioning: [control()] })).toEqual(["conditioning[0].kind"]);
  });
});

describe("a trained model", () => {
  it("whose name tells no family takes a size by number once its aspect ratio is custom", () => {
    const id = "me/my-dog";
    const schema = readModelSchema(familySchemas["black-forest-labs/flux-1.1-pro"], id);
    const model = { ...modelOf("black-forest-labs/flux-1.1-pro"), ref: id, owner: "me", name: "my-dog", schema };
    const request = parseRequest({ prompt: "a", width: 768, height: 1024 });
    expect(mapRequest(request, {}, model).input).toMatchObject({ aspect_ratio: "custom", width: 768, height: 1024 });
  });
});

describe("FLUX", () => {
  it("takes an aspect ratio for a size, and says that the pixels are the model's own", () => {
    const { input, warned } = map("black-forest-labs/flux-dev-lora", {
      prompt: "a",
      width: 1365,
      height: 768,
      guidanceScale: 3.5,
    });
    expect(input).toEqual({ prompt: "a", aspect_ratio: "16:9", guidance: 3.5, output_format: "png" });
    expect(warned).toEqual(["width"]);
    expect(refused("black-forest-labs/flux-dev-lora", { prompt: "a", width: 1000, height: 410 })).toEqual(["width"]);
    expect(refused("black-forest-labs/flux-dev-lora", { prompt: "a", width: 1000 })).toEqual(["height"]);
  });

  it("takes two LoRAs, and the format that is wanted", () => {
    const loras = [{ model: "x/one", strength: 0.5 }, { model: "x/two" }];
    const output = { format: "jpeg", quality: 70 } as const;
    expect(map("black-forest-labs/flux-dev-lora", { prompt: "a", loras, output }).input).toEqual({
      prompt: "a",
      lora_weights: "x/one",
      lora_scale: 0.5,
      extra_lora: "x/two",
      extra_lora_scale: 1,
      output_format: "jpg",
      output_quality: 70,
    });
  });

  it("pro takes width and height once the ratio says custom, in multiples of 32", () => {
    const id = "black-forest-labs/flux-1.1-pro";
    expect(map(id, { prompt: "a", width: 1280, height: 768 }).input).toMatchObject({
      width: 1280,
      height: 768,
      aspect_ratio: "custom",
    });
    expect(map(id, { prompt: "a" }).input).not.toHaveProperty("aspect_ratio");
    expect(refused(id, { prompt: "a", width: 1281, height: 768 })).toEqual(["width"]);
    expect(refused(id, { prompt: "a", width: 2048, height: 768 })).toEqual(["width"]);
    expect(map(id, { prompt: "a", conditioning: [{ kind: "image-prompt", image: "s.png" }] }).input).toMatchObject({
      image_prompt: "<conditioning[0].image>",
    });
    expect(
      refused(id, { prompt: "a", conditioning: [{ kind: "image-prompt", image: "s.png", strength: 0.5 }] }),
    ).toEqual(["conditioning[0].strength"]);
  });

  it("canny is one control", () => {
    const id = "black-forest-labs/flux-canny-dev";
    expect(map(id, { prompt: "a", conditioning: [control()] }).input).toMatchObject({
      control_image: "<conditioning[0].image>",
    });
    expect(refused(id, { prompt: "a", conditioning: [control({ control: "depth" })] })).toEqual([
      "conditioning[0].control",
    ]);
    expect(refused(id, { prompt: "a", conditioning: [control({ end: 0.5 })] })).toEqual(["conditioning[0].end"]);
    expect(refused(id, { prompt: "a" })).toEqual(["backendOptions.replicate.input.control_image"]);
  });

  it("kontext edits by words, without a strength; fill needs its image", () => {
    const { input, warned } = map("black-forest-labs/flux-kontext-pro", {
      task: "image-to-image",
      prompt: "a",
      image: "i.png",
      strength: 0.3,
    });
    expect(input).toEqual({ prompt: "a", input_image: "<image>", output_format: "png" });
    expect(warned).toEqual(["strength"]);
    expect(tasksOf("black-forest-labs/flux-fill-pro")).toEqual(["image-to-image", "inpaint", "outpaint"]);
  });
});

it("Stable Diffusion 3.5 takes cfg and a ratio", () => {
  const request = { prompt: "a", negativePrompt: "b", guidanceScale: 4, width: 1024, height: 1024 };
  expect(map("stability-ai/stable-diffusion-3.5-large", request).input).toEqual({
    prompt: "a",
    negative_prompt: "b",
    cfg: 4,
    aspect_ratio: "1:1",
    output_format: "png",
  });
  expect(refused("stability-ai/stable-diffusion-3.5-large", { prompt: "a", guidanceScale: 11 })).toEqual([
    "guidanceScale",
  ]);
});

describe("Ideogram", () => {
  const id = "ideogram-ai/ideogram-v3-turbo";
  it("takes a listed resolution, else a ratio", () => {
    expect(map(id, { prompt: "a", width: 1280, height: 800 }).input).toEqual({ prompt: "a", resolution: "1280x800" });
    expect(map(id, { prompt: "a", width: 900, height: 1200 }).input).toEqual({ prompt: "a", aspect_ratio: "3:4" });
  });

  it("paints where a mask is black: ours is turned round", async () => {
    const { input } = mapRequest(
      parseRequest({ task: "inpaint", prompt: "a", image: "i.png", mask: "m.png" }),
      {},
      modelOf(id),
    );
    expect(input.mask).toMatchObject({ field: "mask", transform: expect.any(Function) });
    expect((input.image as FileSlot).transform).toBeUndefined();
    expect(tasksOf(id)).not.toContain("image-to-image");
  });

  it("takes style references as a list, and bounds its seed", () => {
    const conditioning = ["a.png", "b.png"].map((image) => ({ kind: "image-prompt", image }) as const);
    expect(map(id, { prompt: "a", conditioning }).input).toMatchObject({
      style_reference_images: ["<conditioning[0].image>", "<conditioning[1].image>"],
    });
    expect(refused(id, { prompt: "a", seed: 2 ** 31 })).toEqual(["seed"]);
  });
});

it("Recraft takes one of its sizes", () => {
  const id = "recraft-ai/recraft-v3";
  expect(map(id, { prompt: "a", width: 1365, height: 1024 }).input).toEqual({
    prompt: "a",
    size: "1365x1024",
    aspect_ratio: "Not set",
  });
  expect(map(id, { prompt: "a", width: 800, height: 600 }).input).toEqual({ prompt: "a", aspect_ratio: "4:3" });
  expect(refused(id, { prompt: "a", width: 1000, height: 500 })).toEqual(["width"]);
  expect(refused(id, { prompt: "a", seed: 1 })).toEqual(["seed"]);
});

it("Imagen takes a prompt and a ratio, and has neither seed nor steps", () => {
  const id = "google/imagen-4";
  expect(map(id, { prompt: "a", width: 1600, height: 900, output: { format: "webp" } }).input).toEqual({
    prompt: "a",
    aspect_ratio: "16:9",
    output_format: "png",
  });
  expect(refused(id, { prompt: "a", seed: 1, steps: 3, guidanceScale: 2 })).toEqual(["seed", "steps", "guidanceScale"]);
});

it("Seedream takes width and height once it is told that they are custom", () => {
  const size = { width: 1536, height: 1024 };
  expect(map("bytedance/seedream-3", { prompt: "a", ...size }).input).toEqual({
    prompt: "a",
    ...size,
    aspect_ratio: "custom",
  });
  expect(map("bytedance/seedream-4", { prompt: "a", ...size }).input).toEqual({ prompt: "a", ...size, size: "custom" });
  expect(map("bytedance/seedream-4", { task: "image-to-image", prompt: "a", image: "i.png" }).input).toEqual({
    prompt: "a",
    image_input: ["<image>"],
  });
});

it("Qwen-Image keeps its speed setting to itself", () => {
  const request = {
    task: "image-to-image",
    prompt: "a",
    image: "i.png",
    strength: 0.5,
    width: 1024,
    height: 1024,
    steps: 20,
  } as const;
  expect(map("qwen/qwen-image", request).input).toEqual({
    prompt: "a",
    aspect_ratio: "1:1",
    num_inference_steps: 20,
    image: "<image>",
    strength: 0.5,
    output_format: "png",
  });
});

describe("ControlNet models", () => {
  it("of one control take its picture as image, and scale as the guidance", () => {
    const id = "jagilley/controlnet-canny";
    const request = { prompt: "a", negativePrompt: "b", guidanceScale: 7, steps: 30, conditioning: [control()] };
    expect(map(id, request).input).toEqual({
      prompt: "a",
      n_prompt: "b",
      scale: 7,
      ddim_steps: 30,
      image: "<conditioning[0].image>",
    });
    expect(tasksOf(id)).toEqual(["text-to-image"]);
    expect(refused(id, { prompt: "a", conditioning: [control({ control: "pose" })] })).toEqual([
      "conditioning[0].control",
    ]);
    expect(refused(id, { prompt: "a" })).toEqual(["backendOptions.replicate.input.image"]);
  });

  it("of several take each with its strength and window", () => {
    const id = "fofr/sdxl-multi-controlnet-lora";
    const conditioning = [control({ strength: 0.9, end: 0.5 }), control({ control: "pose", start: 0.1 })];
    expect(map(id, { prompt: "a", conditioning }).input).toEqual({
      prompt: "a",
      controlnet_1: "edge_canny",
      controlnet_1_image: "<conditioning[0].image>",
      controlnet_1_conditioning_scale: 0.9,
      controlnet_1_start: 0,
      controlnet_1_end: 0.5,
      controlnet_2: "openpose",
      controlnet_2_image: "<conditioning[1].image>",
      controlnet_2_conditioning_scale: 1,
      controlnet_2_start: 0.1,
      controlnet_2_end: 1,
    });
    const four = { prompt: "a", conditioning: [control(), control(), control(), control()] };
    expect(refused(id, four)).toEqual(["conditioning[3]"]);
    expect(refused(id, { prompt: "a", conditioning: [control({ control: "tile" })] })).toEqual([
      "conditioning[0].control",
    ]);
    expect(refused(id, { prompt: "a", conditioning: [control({ model: "own" })] })).toEqual(["conditioning[0].model"]);
  });
});

describe("upscalers", () => {
  it("take the image and the factor by their own names", () => {
    const upscale = { task: "upscale", image: "i.png", scale: 4 } as const;
    expect(map("nightmareai/real-esrgan", upscale).input).toEqual({ image: "<image>", scale: 4 });
    expect(map("topazlabs/image-upscale", upscale).input).toEqual({
      image: "<image>",
      upscale_factor: "4x",
      output_format: "png",
    });
    const clarity = map("philz1337x/clarity-upscaler", {
      ...upscale,
      prompt: "sharp",
      sampler: "dpmpp_2m",
      scheduler: "karras",
    });
    expect(clarity.input).toEqual({
      prompt: "sharp",
      image: "<image>",
      scale_factor: 4,
      scheduler: "DPM++ 2M Karras",
      output_format: "png",
    });
    for (const id of ["nightmareai/real-esrgan", "topazlabs/image-upscale", "philz1337x/clarity-upscaler"])
      expect(tasksOf(id)).toEqual(["upscale"]);
  });

  it("refuse a factor that they do not have, and a prompt where they read none", () => {
    expect(refused("topazlabs/image-upscale", { task: "upscale", image: "i.png", scale: 3 })).toEqual(["scale"]);
    expect(refused("nightmareai/real-esrgan", { task: "upscale", image: "i.png", scale: 12 })).toEqual(["scale"]);
    expect(refused("nightmareai/real-esrgan", { task: "upscale", image: "i.png", prompt: "a" })).toEqual(["prompt"]);
  });
});

describe("the escape hatch", () => {
  const id = "stability-ai/sdxl";
  it("goes over what was mapped", () => {
    expect(
      map(id, { prompt: "a", steps: 30 }, { num_inference_steps: 40, refine: "base_image_refiner" }).input,
    ).toEqual({
      prompt: "a",
      num_inference_steps: 40,
      refine: "base_image_refiner",
    });
  });

  it("is held against the schema: names, kinds, choices and bounds", () => {
    const wrong = { refiner: true, refine: "base", high_noise_frac: 2, num_outputs: "two", apply_watermark: 1 };
    expect(refused(id, { prompt: "a" }, wrong)).toEqual(
      Object.keys(wrong).map((name) => `backendOptions.replicate.input.${name}`),
    );
    const hint = () => mapRequest(parseRequest({ prompt: "a" }), { num_output: 1 }, modelOf(id));
    expect(hint).toThrow(/did you mean num_outputs\?/);
  });
});

describe("a schema", () => {
  it("writes choices and options in several ways", () => {
    const document = {
      components: {
        schemas: {
          style: { type: "string", enum: ["a", "b"] },
          Input: {
            required: ["prompt"],
            properties: {
              prompt: { type: "string" },
              plain: { $ref: "#/components/schemas/style" },
              all: { allOf: [{ $ref: "#/components/schemas/style" }], default: "b", "x-order": 9 },
              any: { anyOf: [{ type: "integer", minimum: 2 }, { type: "null" }] },
              list: { type: "array", items: { type: "string", format: "uri" }, maxItems: 3 },
            },
          },
        },
      },
    };
    const { inputs, output } = readModelSchema(document, "m");
    expect(inputs.get("plain")).toMatchObject({ type: "string", enum: ["a", "b"], required: false });
    expect(inputs.get("all")).toMatchObject({ enum: ["a", "b"], default: "b", order: 9 });
    expect(inputs.get("any")).toMatchObject({ type: "integer", min: 2, nullable: true });
    expect(inputs.get("list")).toMatchObject({ type: "file", array: true, maxItems: 3 });
    expect(output).toEqual({ array: false, iterator: false });
    expect(() => readModelSchema({ openapi: "3" }, "m")).toThrow(/no readable input schema/);
  });
});
