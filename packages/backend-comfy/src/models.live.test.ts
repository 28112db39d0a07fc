import { type Client, createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { comfy } from "./comfy-backend.ts";
import type { ObjectInfo } from "./server/object-info.ts";

// What needs model files beyond the checkpoint. Each case looks for its files on the server by the names below, and is
// skipped with the reason where there are none. Random weights do: pictures need no meaning, they need to differ.
const url = process.env["COMFYUI_URL"] ?? "";
const checkpoint = process.env["COMFYUI_CHECKPOINT"];
const size = { width: 64, height: 64 } as const;
const request = { prompt: "a red apple", steps: 2, seed: 7, ...size } satisfies GenerationInput;

describe.skipIf(url === "")("models on the server at COMFYUI_URL (not run when unset)", () => {
  let client: Client;
  let info: ObjectInfo;
  let version: string;
  let image: Uint8Array;
  beforeAll(async () => {
    const backend = comfy({ url, ...(checkpoint === undefined ? {} : { checkpoint }) });
    client = createClient({ backend });
    info = await backend.server.objectInfo();
    version = (await backend.server.versions())["comfyui"] ?? "";
    const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7) % 251);
    image = await encodeImage({ ...size, channels: 3, data }, "png");
  });
  afterAll(() => client.dispose());

  /** The files that an input offers under a name; the case is skipped where there are fewer than it needs. */
  const files = ({ skip }: TestContext, node: string, input: string, name: RegExp, least = 1): string[] => {
    const found = info.choices(node, input).filter((choice) => name.test(choice));
    if (found.length < least) skip(`the server's ${node} offers ${found.length} of ${least} files like ${name}`);
    return found;
  };
  const paint = async (input: GenerationInput) => {
    const { images, warnings } = await client.generate(input);
    expect(warnings).toEqual([]);
    const { data, width, height } = await images[0]!.pixels();
    expect(new Set(data).size).toBeGreaterThan(4);
    return { data, width, height };
  };

  it("a chain of LoRAs", async (test) => {
    const [a = "", b = ""] = files(test, "LoraLoader", "lora_name", /tiny/, 2);
    const plain = await paint(request);
    const one = await paint({ ...request, loras: [{ model: a, strength: 0.5 }] });
    const two = await paint({
      ...request,
      loras: [
        { model: a, strength: 0.5 },
        { model: b, textEncoderStrength: 0 },
      ],
    });
    expect(one.data).not.toEqual(plain.data);
    expect(two.data).not.toEqual(one.data);
  });

  it("a textual inversion", async ({ skip }) => {
    const names = (await (await fetch(`${url}/embeddings`)).json()) as string[];
    const model = names.find((name) => /tiny/.test(name)) ?? "";
    skip(model === "", "the server has no embedding with tiny in its name");
    const prompt = "a red WORD";
    const plain = await paint({ ...request, prompt });
    const inverted = await paint({ ...request, prompt, embeddings: [{ model, token: "WORD" }] });
    expect(inverted.data).not.toEqual(plain.data);
  });

  it.for([
    [/canny/, "canny", {}],
    [/canny/, "canny", { preprocess: true }],
    [/union|promax/, "depth", {}],
  ] as const)("a ControlNet like %s for %s, %o", async ([name, control, options], test) => {
    const [model = ""] = files(test, "ControlNetLoader", "control_net_name", name);
    const plain = await paint(request);
    const entry = { kind: "control", control, image, model, strength: 0.8, start: 0, end: 0.9 } as const;
    const input = { ...request, conditioning: [entry], backendOptions: { comfy: options } };
    expect((await paint(input)).data).not.toEqual(plain.data);
    expect((await paint({ ...input, task: "image-to-image", image })).width).toBe(64);
  });

  it.for(["preset", "file"])("an IP-Adapter by its %s", async (way, test) => {
    const [file = ""] = files(test, "IPAdapterModelLoader", "ipadapter_file", /ip-adapter_sd15/);
    const [preset = ""] = files(test, "IPAdapterUnifiedLoader", "preset", /^STANDARD/);
    const plain = await paint(request);
    const entry = { kind: "image-prompt", image, model: way === "preset" ? preset : file, strength: 0.7 } as const;
    expect((await paint({ ...request, conditioning: [entry] })).data).not.toEqual(plain.data);
  });

  it("an upscale model, for upscale and hires", async (test) => {
    const [four = ""] = files(test, "UpscaleModelLoader", "model_name", /4x/);
    const [two = ""] = files(test, "UpscaleModelLoader", "model_name", /2x/);
    const upscaled = await paint({ task: "upscale", image, scale: 3, model: four });
    expect(upscaled).toMatchObject({ width: 192, height: 192 });
    const byFactor = await paint({ task: "upscale", image, scale: 2 });
    expect(byFactor).toEqual(await paint({ task: "upscale", image, scale: 2, model: two }));
    const refined = await paint({ task: "upscale", image, scale: 2, prompt: "a red apple", steps: 2, seed: 7 });
    expect(refined.data).not.toEqual(byFactor.data);
    const hires = { scale: 1.5, steps: 1, upscaler: two };
    expect(await paint({ ...request, hires })).toMatchObject({ width: 96, height: 96 });
  });

  const families = [
    ["sdxl", "CheckpointLoaderSimple", "ckpt_name", /tiny-sdxl/],
    ["sd3", "CheckpointLoaderSimple", "ckpt_name", /tiny-sd3/],
    ["sd3", "UNETLoader", "unet_name", /tiny-sd3/],
    ["flux", "UNETLoader", "unet_name", /tiny-flux(?!-2)/],
    ["flux2", "UNETLoader", "unet_name", /tiny-flux-2-klein/],
    ["krea2", "UNETLoader", "unet_name", /tiny-krea2/],
    ["qwen-image", "UNETLoader", "unet_name", /tiny-qwen-image\./],
    ["z-image", "UNETLoader", "unet_name", /tiny-z-image/],
  ] as const;
  it.for(families)("%s by %s %s like %s", async ([family, node, input, name], test) => {
    const [model = ""] = files(test, node, input, name);
    const tooOld = family === "z-image" && /^0\.3\.([0-6]?\d|7[0-4])$/.test(version);
    test.skip(tooOld, `ComfyUI ${version} knows no Z-Image`);
    const first = await paint({ ...request, model });
    expect(first).toMatchObject(size);
    expect((await paint({ ...request, model, seed: 8 })).data).not.toEqual(first.data);
    const other = await paint({ ...request, model, guidanceScale: 2 });
    expect(other.data).not.toEqual(first.data);
    const eta = { sampler: "euler_ancestral", samplerOptions: { eta: 0.5 } };
    expect((await paint({ ...request, model, ...eta })).data).not.toEqual(first.data);
    const second = await paint({ ...request, model, task: "image-to-image", image, strength: 0.6 });
    expect(second.data).not.toEqual(first.data);
    expect(await paint({ ...request, model, steps: 1, hires: { scale: 1.5, steps: 1 } })).toMatchObject({ width: 96 });
  });

  it.for([
    ["flux2", /tiny-flux-2-klein/],
    ["qwen-image", /tiny-qwen-image-edit/],
  ] as const)("%s goes by reference pictures, by a model like %s", async ([, name], test) => {
    const [model = ""] = files(test, "UNETLoader", "unet_name", name);
    const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 31) % 241);
    const other = await encodeImage({ ...size, channels: 3, data }, "png");
    const input = (...pictures: Uint8Array[]): GenerationInput => ({
      ...request,
      model,
      conditioning: pictures.map((picture) => ({ kind: "image-prompt", image: picture })),
    });
    const plain = await paint(input());
    const one = await paint(input(image));
    const another = await paint(input(other));
    const both = await paint(input(image, other));
    const all = [plain, one, another, both].map((picture) => Buffer.from(picture.data).toString("base64"));
    expect(new Set(all).size).toBe(4);
  });
});
