import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { inspectModel } from "../models/inspect-model.ts";
import { copyModel, fixtureModel } from "../testing/test-model.ts";
import { foreignContent } from "./foreign-content.ts";

const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"a".repeat(64)}\nsize 3438167534\n`;

describe("a file that a download left in the place of a model's", () => {
  test.each([
    ["a Git LFS pointer", pointer, /is a Git LFS pointer.* of 3438167534 bytes.*git lfs pull/],
    ["a web page", "\n<!DOCTYPE html>\n<html>…</html>", /is a web page/],
    ["an error in XML", '<?xml version="1.0"?><Error/>', /is a web page/],
    ["a Hub's answer", "Entry not found", /is a server's answer.*Entry not found/],
    ["a Hub's answer in JSON", '{"error":"Access to model x is restricted"}', /is a server's answer.*restricted/],
    ["nothing", "", /is empty/],
  ])("%s", async (_, text, message) => {
    const weights = "unet/diffusion_pytorch_model.safetensors";
    const folder = await copyModel("sd1", { [weights]: text });
    await expect(inspectModel(folder)).rejects.toMatchObject({
      code: "model",
      message: expect.stringMatching(message),
      details: { file: join(folder, weights) },
    });
  });

  test.each(["tokenizer/merges.txt", "unet/config.json", "tokenizer/vocab.json"])(
    "in the place of %s",
    async (file) => {
      const folder = await copyModel("sd1", { [file]: pointer });
      await expect(inspectModel(folder)).rejects.toThrow(/is a Git LFS pointer/);
    },
  );

  test("half a file", async () => {
    const weights = "vae/diffusion_pytorch_model.safetensors";
    const folder = await copyModel("sd1");
    const whole = await readFile(join(fixtureModel("sd1"), weights));
    await writeFile(join(folder, weights), whole.subarray(0, whole.length >> 1));
    await expect(inspectModel(folder)).rejects.toThrow(
      `has ${whole.length >> 1} of the ${whole.length} bytes that its header tells of`,
    );
  });
});

test("a model's own files are none of these", () => {
  for (const text of ['{"!": 0, "error": 1}', '{"error": {"a": 1}}', "#version: 0.2\nn o", "\u0008\0\0\0\0\0\0\0{}"])
    expect(foreignContent(Buffer.from(text))).toBeUndefined();
});
