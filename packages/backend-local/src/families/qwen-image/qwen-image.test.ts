import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModelFolder } from "../../models/model-folder.ts";
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
