import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModelFolder } from "../../models/model-folder.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";
import { lengthOfRows } from "../shared/guided-length.ts";

const name = "families/lumina2";
const folder = fixture(name);
const jsonOf = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));
const edited = async (file: string, change: object) =>
  readModelFolder(await copyFixture(name, { [file]: { ...(await jsonOf(file)), ...change } }));

test("what a request leaves open is as published", async () => {
  const { traits } = await readModelFolder(folder);
  expect(traits).toMatchObject({ steps: 30, guidanceScale: 4, defaultWidth: 1024, multipleOf: 16 });
  expect(traits.tokenizers).toMatchObject({ tokenizer: { kind: "text", maxPositions: 256 } });
});

test("a guided row is as long as the conditional one, and points where it pointed", () => {
  const guided = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i) * 3);
  const cond = Float32Array.from({ length: 24 }, (_, i) => Math.cos(i));
  const out = lengthOfRows(guided, cond, 4);
  const length = (of: Float32Array) => Math.hypot(...of.subarray(8, 12));
  expect(length(out)).toBeCloseTo(length(cond), 5);
  for (let i = 8; i < 12; i++) expect(out[i]! / guided[i]!).toBeCloseTo(length(cond) / length(guided), 5);
  expect([...lengthOfRows(new Float32Array(4), cond.subarray(0, 4), 4)]).toEqual([0, 0, 0, 0]);
});

describe("what can't be is refused", () => {
  test.each([
    ["transformer/config.json", { cap_feat_dim: 32 }, /cap_feat_dim 32 does not match .*hidden_size 24/],
    ["transformer/config.json", { axes_dim_rope: [4, 4, 8] }, /axes_dim_rope.*add up to a head's 12/],
    ["transformer/config.json", { num_kv_heads: 3 }, /num_kv_heads.*must divide num_attention_heads/],
    ["transformer/config.json", { axes_lens: [256, 512, 512] }, /axes_lens begins with 256/],
    ["transformer/config.json", { ffn_dim_multiplier: 1.5 }, /ffn_dim_multiplier = 1.5 is not supported/],
    ["text_encoder/config.json", { sliding_window: 128 }, /sliding_window is 128; a text has 256 tokens/],
    ["text_encoder/config.json", { use_bidirectional_attention: true }, /use_bidirectional_attention = true/],
    ["scheduler/scheduler_config.json", { use_dynamic_shifting: true }, /use_dynamic_shifting true is not supported/],
  ])("%s with %o", async (file, change, message) => {
    await expect(edited(file, change)).rejects.toThrow(message);
  });
});
