import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput, type Pixels, parseRequest } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { readInputs } from "../../pipeline/read-inputs.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";
import { lengthOfTokens } from "../shared/guided-length.ts";

const name = "families/qwen-image";
const jsonOf = async (file: string) => JSON.parse(await readFile(join(fixture(name), file), "utf8"));
const edited = async (file: string, change: object) =>
  readModelFolder(await copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } }));

test("what a request leaves open is as published", async () => {
  const { traits } = await readModelFolder(fixture(name));
  expect(traits).toMatchObject({ steps: 50, guidanceScale: 4, defaultWidth: 1328, multipleOf: 16 });
  expect(traits.tokenizers).toMatchObject({ tokenizer: { maxPositions: 546, reserved: 39 } });
});

test("a guided token is as long as the conditional one, and points where it pointed", () => {
  const guided = Float32Array.from({ length: 32 }, (_, i) => Math.sin(i) * 3);
  const cond = Float32Array.from({ length: 32 }, (_, i) => Math.cos(i));
  const out = lengthOfTokens(guided, cond, [2, 4, 4]);
  // The token of rows 2 and 3, columns 0 and 1, of both channels.
  const at = [8, 9, 12, 13].flatMap((i) => [i, i + 16]);
  const length = (of: Float32Array) => Math.hypot(...at.map((i) => of[i]!));
  expect(length(out)).toBeCloseTo(length(cond), 5);
  for (const i of at) expect(out[i]! / guided[i]!).toBeCloseTo(length(cond) / length(guided), 5);
});

describe("what can't be is refused", () => {
  test.each([
    ["transformer/config.json", { use_layer3d_rope: true }, /use_layer3d_rope = true is not supported/],
    ["transformer/config.json", { guidance_embeds: true }, /guidance_embeds = true is not supported/],
    ["transformer/config.json", { joint_attention_dim: 32 }, /joint_attention_dim 32 does not match .*hidden_size 24/],
    ["transformer/config.json", { in_channels: 32 }, /in_channels 32 must be four times out_channels 16/],
    ["vae/config.json", { latents_mean: [1, 2] }, /latents_mean.*must have 16 numbers/],
    ["vae/config.json", { attn_scales: [1] }, /attn_scales/],
    [
      "model_index.json",
      { _class_name: "QwenImageLayeredPipeline" },
      /"QwenImageLayeredPipeline"; supported: .*QwenImagePipeline/,
    ],
  ])("%s with %o", async (file, change, message) => {
    await expect(edited(file, change)).rejects.toThrow(message);
  });
});

describe("an editor", () => {
  const editor = fixture("families/qwen-image-edit");
  const client = () => {
    const backend = local({ model: editor, threads: 1 });
    return {
      backend,
      generate: (more: object) =>
        createClient({ backend }).generate({ prompt: "x", steps: 1, ...more } as GenerationInput),
    };
  };
  const pictureOf = (width: number, height: number) =>
    encodeImage({ width, height, channels: 3, data: new Uint8Array(3 * width * height).fill(90) }, "png");
  const reference = async (width = 64, height = 64) => ({ kind: "reference", image: await pictureOf(width, height) });

  test("of several pictures is shown less of each than of one, and draws in the last one's size", async () => {
    const { traits } = await readModelFolder(editor);
    expect(traits).toMatchObject({ steps: 50, conditioning: ["reference"], references: { most: 4, least: 1 } });
    const conditioning = [await reference(200, 100), await reference(100, 200)];
    const asked = parseRequest({ prompt: "x", conditioning } as GenerationInput);
    const { request, inputs } = await readInputs(asked, traits, new AbortController().signal);
    const sizes = (of: readonly Pixels[] = []) => of.map(({ width, height }) => [width, height]);
    expect(sizes(inputs.references)).toEqual([
      [1440, 736],
      [736, 1440],
    ]);
    expect(sizes(inputs.seen)).toEqual([
      [532, 252],
      [252, 532],
    ]);
    expect(request).toMatchObject({ width: 736, height: 1440 });
  });

  test("needs a picture, and not too many", async () => {
    const { backend, generate } = client();
    await expect(generate({})).rejects.toThrow(/conditioning.*needs one.*kind: "reference"/);
    const many = await Promise.all(new Array(5).fill(64).map(() => reference()));
    await expect(generate({ conditioning: many })).rejects.toThrow(/conditioning\[4\].*4 reference pictures at most/);
    await expect(generate({ conditioning: [await reference(640, 20)] })).rejects.toThrow(
      /conditioning\[0\]\.image.*16 times/,
    );
    await backend.dispose();
  });

  test("refuses a text with the mark that stands for a picture", async () => {
    const { backend, generate } = client();
    const asked = { prompt: "a <|image_pad|>", width: 32, height: 32, conditioning: [await reference()] };
    await expect(generate(asked)).rejects.toThrow(/prompt.*<\|image_pad\|>.*stands for a picture/);
    await backend.dispose();
  });

  test("needs what sees pictures", async () => {
    const file = "text_encoder/config.json";
    const { vision_config: vision, ...text } = JSON.parse(await readFile(join(editor, file), "utf8"));
    const read = async (config: object) =>
      readModelFolder(await copyFixture("families/qwen-image-edit", { [file]: config }));
    await expect(read(text)).rejects.toThrow(/vision_config is missing/);
    await expect(read({ ...text, vision_config: { ...vision, out_hidden_size: 8 } })).rejects.toThrow(
      /out_hidden_size 8 does not match/,
    );
  });
});
