import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { WeightTensor } from "../files/safetensors.ts";
import { renamedWeights } from "../files/tensor-views.ts";
import { buildClipText } from "../networks/clip-text/clip-text.ts";
import { flowFile, withRows } from "../testing/flow-file.ts";
import { tensorsOf, writeTensors } from "../testing/rewrite-safetensors.ts";
import { copyFixture, fixture, temporaryFolder } from "../testing/test-model.ts";
import { ModelLibrary } from "./model-library.ts";
import { readModel } from "./read-model.ts";
import { networkOf, recogniseFile } from "./recognise-file.ts";

const zImage = fixture("families/z-image");
const vaeOf = (folder: string) => join(folder, "vae/diffusion_pytorch_model.safetensors");

describe("parts in the place of a folder's", () => {
  test("a VAE's file takes the shift of the folder's latents, too", async () => {
    const vae = join(await temporaryFolder(), "ae.safetensors");
    const tensors = await tensorsOf(vaeOf(zImage));
    await writeTensors(vae, tensors);
    const { traits, parts } = await readModel(zImage, { parts: { vae } });
    expect(traits).toMatchObject({ scalingFactor: 0.3611, shiftFactor: 0.1159 });
    expect(parts.vae!.weights).toEqual({ kind: "file", path: vae, part: "vae" });
  });

  test("are what the folder's config says, where their tensors are as large: shapes don't tell all", async () => {
    const textEncoder = join(await temporaryFolder(), "qwen_3_4b.safetensors");
    await cp(join(zImage, "text_encoder/model.safetensors"), textEncoder);
    const transformer = await flowFile("z-image.safetensors");
    const folder = await copyFixture("families/z-image");
    for (const [part, change] of [
      ["transformer", { rope_theta: 100 }],
      ["text_encoder", { rms_norm_eps: 1e-3 }],
    ] as const) {
      const file = join(folder, part, "config.json");
      await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), ...change }));
    }
    const { parts } = await readModel(folder, { parts: { textEncoder, transformer } });
    expect(parts.textEncoder!.config).toMatchObject({ rms_norm_eps: 1e-3 });
    expect(parts.transformer!.config).toMatchObject({ rope_theta: 100 });
    const other = join(await temporaryFolder(), "qwen_3_4b.safetensors");
    await withRows(textEncoder, other, "layers.0.mlp.up_proj.weight", 80);
    await withRows(other, other, "layers.0.mlp.gate_proj.weight", 80);
    const changed = await readModel(folder, { parts: { textEncoder: other } });
    expect(changed.parts.textEncoder!.config).not.toHaveProperty("rms_norm_eps");
  });

  test("a VAE whose latents are shifted otherwise is another model's", async () => {
    const other = await copyFixture("families/z-image");
    const config = JSON.parse(await readFile(join(other, "vae/config.json"), "utf8"));
    await writeFile(join(other, "vae/config.json"), JSON.stringify({ ...config, shift_factor: 0.0609 }));
    await expect(readModel(zImage, { parts: { vae: other } })).rejects.toThrow(/shifted by 0\.0609, .* by 0\.1159/);
  });

  test("files and vocabularies are as large as they are published", async () => {
    const big = join(await temporaryFolder(), "qwen.safetensors");
    await withRows(join(zImage, "text_encoder/model.safetensors"), big, "embed_tokens.weight", 200_000);
    const tokenizer = await readFile(join(zImage, "tokenizer/tokenizer.json"), "utf8");
    const folder = await copyFixture("families/z-image", { "tokenizer/tokenizer.json": tokenizer.padEnd(9e6) });
    const { parts } = await readModel(folder, { parts: { textEncoder: big } });
    expect(parts.textEncoder!.weights.path).toBe(big);
  });
});

test("a text encoder's GGUF file that says to be another language model is refused", async () => {
  const file = await flowFile("z-image-text.gguf");
  const bytes = await readFile(file);
  bytes.write("llama", bytes.indexOf("qwen3", bytes.indexOf("general.architecture")));
  await writeFile(file, bytes);
  await expect(readModel(zImage, { parts: { textEncoder: file } })).rejects.toMatchObject({
    message: expect.stringMatching(/says that it is "llama", its tensors are those of a Qwen3Model/),
    details: { problem: "malformed", option: "general.architecture" },
  });
});

describe("parts without a model", () => {
  const find = (parts: Record<string, string>) => new ModelLibrary({ parts }).find(undefined);

  test("are one: its transformer tells which", async () => {
    const transformer = await flowFile("z-image.safetensors");
    const textEncoder = await flowFile("z-image-text.gguf");
    const { pipeline, parts, traits, path } = await find({ transformer, textEncoder, vae: vaeOf(zImage) });
    expect(pipeline).toBe("ZImagePipeline");
    expect(path).toBe(transformer);
    expect(traits.shiftFactor).toBe(0.1159);
    expect(Object.values(parts).map(({ file }) => file)).toEqual([
      transformer,
      textEncoder,
      join(zImage, "vae/config.json"),
    ]);
  });

  test("may be networks' folders, whose configs count", async () => {
    const at = (name: string) => join(zImage, name);
    const { pipeline, parts } = await find({
      ...{ transformer: at("transformer"), textEncoder: at("text_encoder"), vae: at("vae") },
    });
    expect(pipeline).toBe("ZImagePipeline");
    const saved = JSON.parse(await readFile(join(zImage, "transformer/config.json"), "utf8"));
    expect(parts.transformer!.config).toEqual(saved);
  });

  test("that are a whole model's folder are that model's", async () => {
    const { path, pipeline } = await find({ transformer: zImage });
    expect([path, pipeline]).toEqual([zImage, "ZImagePipeline"]);
  });

  test("that lack some are told which", async () => {
    await expect(find({ transformer: await flowFile("flux1.safetensors") })).rejects.toThrow(
      /holds transformer of a FLUX\.1 model, and no textEncoder/,
    );
  });

  test("without a denoising network are the embedded model's", async () => {
    await expect(find({ textEncoder2: zImage })).rejects.toThrow(/Stable Diffusion .* has no such part/);
  });
});

describe("CLIP alone in a file, without its config", () => {
  const sizes = (width: number): Record<string, number[]> => ({
    "text_model.embeddings.token_embedding.weight": [49_408, width],
    "text_model.embeddings.position_embedding.weight": [77, width],
    "text_model.encoder.layers.0.mlp.fc1.weight": [4 * width, width],
    "text_model.final_layer_norm.weight": [width],
  });
  const read = async (part: "textEncoder" | "textEncoder2", shapes: Record<string, number[]>) => {
    const tensors = Object.entries(shapes).map(([name, shape]): [string, WeightTensor] => [
      name,
      { name, shape, dtype: "F16", file: "/none", offset: 0, length: 2 * shape.reduce((a, b) => a * b, 1) },
    ]);
    const weights = renamedWeights("/m/clip.safetensors", new Map(tensors));
    return networkOf(await recogniseFile(weights), part, weights.source).config;
  };

  test("is OpenAI's or OpenCLIP's by its width, and by its place", async () => {
    expect(await read("textEncoder", sizes(768))).toMatchObject({ hidden_act: "quick_gelu" });
    expect(await read("textEncoder", sizes(64))).toMatchObject({ hidden_act: "quick_gelu" });
    expect(await read("textEncoder", sizes(1024))).toMatchObject({ hidden_act: "gelu" });
    expect(await read("textEncoder2", sizes(1280))).toMatchObject({ hidden_act: "gelu" });
    expect(await read("textEncoder2", sizes(64))).toMatchObject({ hidden_act: "gelu" });
    expect(await read("textEncoder2", sizes(768))).toMatchObject({ hidden_act: "quick_gelu" });
  });

  test("and without a projection is taken for projected as it is: so is CLIP-L published for Stable Diffusion 3", async () => {
    const folder = fixture("families/flux1/text_encoder");
    const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    const { fileWeights } = await import("../files/weights.ts");
    const weights = await fileWeights(join(folder, "model.safetensors"));
    const own = networkOf(await recogniseFile(weights), "textEncoder", weights.source).config;
    expect(own).toMatchObject({ architectures: ["CLIPTextModel"], unprojected: true, projection_dim: 16 });
    const names = (options: object) =>
      buildClipText({ ...config, ...options }, weights).outputs.map(({ name }) => name);
    expect(names({ unprojected: true })).toContain("text_embeds");
    expect(names({})).not.toContain("text_embeds");
  });
});
