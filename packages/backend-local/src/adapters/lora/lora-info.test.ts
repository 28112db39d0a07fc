import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { inspectModel } from "../../models/inspect-model.ts";
import { rewriteFile } from "../../testing/single-file.ts";
import { fixture, temporaryFolder } from "../../testing/test-model.ts";

/** A LoRA's fixture with other notes in its header. */
async function withNotes(name: string, notes: Record<string, string>): Promise<string> {
  const path = join(await temporaryFolder(), `${name}.safetensors`);
  await copyFile(fixture(`loras/${name}.safetensors`), path);
  return rewriteFile(path, (tensor) => tensor, { __metadata__: notes });
}

describe("a LoRA's file tells", () => {
  test("its trigger phrase, its model and its layers", async () => {
    const notes = {
      "modelspec.architecture": "stable-diffusion-v1/lora",
      "modelspec.trigger_phrase": "zwx style",
      ss_tag_frequency: JSON.stringify({ "10_zwx": { zwx: 20, tree: 3 }, "2_more": { zwx: 4, house: 7 } }),
    };
    const info = await inspectModel(await withNotes("kohya", notes));
    expect(info).toMatchObject({
      family: "LoRA for Stable Diffusion 1",
      tasks: [],
      hash: expect.stringMatching(/^sha256:/),
    });
    expect(info.adapter).toMatchObject({
      kind: "lora",
      triggerWords: ["zwx style"],
      tags: [
        { tag: "zwx", count: 24 },
        { tag: "house", count: 7 },
        { tag: "tree", count: 3 },
      ],
    });
    expect(info.adapter!.layers).toEqual({ unet: expect.any(Number), text_encoder: 12 });
  });

  test("the tags that nearly every caption has, where there is no phrase", async () => {
    const frequencies = { "5_a": { "a cat": 50, zwx: 48, grass: 5 } };
    const info = await inspectModel(await withNotes("peft", { ss_tag_frequency: JSON.stringify(frequencies) }));
    expect(info.adapter!.triggerWords).toEqual(["a cat", "zwx"]);
  });

  test.each([
    ["kohya", { ss_base_model_version: "sd_v2_768_v" }, "Stable Diffusion 2"],
    ["kohya", { "modelspec.architecture": "flux-1-dev/lora" }, "FLUX.1"],
    ["sdxl-kohya", {}, "Stable Diffusion XL"],
    ["peft", { ss_tag_frequency: "not json" }, "unknown"],
  ])("%s with %j: what it is for", async (name, notes, base) => {
    const info = await inspectModel(await withNotes(name, notes as Record<string, string>));
    expect(info.adapter).toMatchObject({ base, ...(base === "unknown" ? { triggerWords: [], tags: [] } : {}) });
  });
});
