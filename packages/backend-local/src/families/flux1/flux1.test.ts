import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, encodeImage, type GenerationInput, parseRequest } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { readModelFolder } from "../../models/model-folder.ts";
import { readReferences } from "../../pipeline/read-references.ts";
import { copyFixture, fixture } from "../../testing/test-model.ts";

const folder = fixture("families/flux1");
const jsonOf = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));
const edited = async (file: string, change: object) =>
  copyFixture("families/flux1", { [file]: { ...(await jsonOf(file)), ...change } });

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ model: folder, threads: 1 });
});
afterAll(() => backend.dispose());

const request = { prompt: "a red apple", width: 64, height: 64, steps: 1, seed: 1 } satisfies GenerationInput;
const warningsOf = async (input: object) => {
  const found: (string | undefined)[] = [];
  for await (const event of createClient({ backend }).generate({ ...request, ...input } as GenerationInput))
    if (event.type === "warning") found.push(event.field);
  return found;
};

describe("what a request leaves open", () => {
  test("is the published model's of that kind", async () => {
    const { defaults, maxPromptTokens, limits } = await backend.capabilities();
    expect(defaults).toMatchObject({ width: 1024, height: 1024, steps: 28, guidanceScale: 3.5, sampler: "euler" });
    // T5's, and not CLIP's 75.
    expect(maxPromptTokens).toBe(511);
    expect(limits?.width).toMatchObject({ multipleOf: 16, min: 16 });
    const schnell = await readModelFolder(await edited("transformer/config.json", { guidance_embeds: false }));
    expect(schnell.traits).toMatchObject({
      steps: 4,
      guidance: "none",
      tokenizers: { tokenizer2: { maxPositions: 256 } },
    });
    const kontext = await readModelFolder(await edited("model_index.json", { _class_name: "FluxKontextPipeline" }));
    expect(kontext.traits).toMatchObject({ guidanceScale: 2.5, conditioning: ["reference"] });
    const krea = await readModelFolder(await edited("model_index.json", { _name_or_path: "FLUX.1-Krea-dev" }));
    expect(krea.traits).toMatchObject({ guidanceScale: 4.5 });
    expect((await readModelFolder(fixture("families/flux1-fill"))).traits).toMatchObject({
      tasks: ["inpaint"],
      guidanceScale: 30,
    });
  });
});

describe("what has no effect draws a warning", () => {
  test("a negative prompt without a scale of its own", async () => {
    expect(await warningsOf({ negativePrompt: "blurry" })).toContain("negativePrompt");
    const guided = { negativePrompt: "blurry", backendOptions: { local: { trueCfgScale: 2 } } };
    expect(await warningsOf(guided)).not.toContain("negativePrompt");
  });

  test("schnell's scale", async () => {
    const model = await edited("transformer/config.json", { guidance_embeds: false });
    expect(await warningsOf({ model, guidanceScale: 3 })).toContain("guidanceScale");
  });
});

test("a reference picture is brought to the trained size whose shape is nearest", async () => {
  const { traits } = await readModelFolder(await edited("model_index.json", { _class_name: "FluxKontextPipeline" }));
  const image = await encodeImage({ width: 200, height: 100, channels: 3, data: new Uint8Array(60_000) }, "png");
  const asked = parseRequest({ prompt: "x", conditioning: [{ kind: "reference", image }] });
  const [read] = (await readReferences(asked, traits, new AbortController().signal))!.references;
  expect([read!.width, read!.height]).toEqual([1456, 720]);
});

describe("what can't be is refused before any work", () => {
  test.each([
    ["transformer/config.json", { in_channels: 100 }, /in_channels.*must be 64, or 384 \(Fill\)/],
    ["transformer/config.json", { axes_dims_rope: [4, 4, 4] }, /axes_dims_rope.*add up to attention_head_dim/],
    [
      "transformer/config.json",
      { pooled_projection_dim: 20 },
      /pooled_projection_dim 20 does not match .*hidden_size 16/,
    ],
    ["transformer/config.json", { joint_attention_dim: 32 }, /joint_attention_dim 32 does not match .*d_model 24/],
    ["text_encoder_2/config.json", { feed_forward_proj: "relu" }, /feed_forward_proj = "relu" is not supported/],
    ["text_encoder_2/config.json", { num_heads: 5 }, /SelfAttention|relative_attention_bias/],
  ])("%s with %o", async (file, change, message) => {
    const model = await edited(file, change);
    await expect(createClient({ backend }).generate({ ...request, model })).rejects.toThrow(message);
  });

  test.each([
    [{ width: 72 }, /width.*multiple of 16/],
    [{ backendOptions: { local: { trueCfgScale: 0 } } }, /trueCfgScale/],
    [{ backendOptions: { local: { trueCfg: 2 } } }, /trueCfg/],
    [{ promptSyntax: "a1111" }, /promptSyntax/],
  ])("%o", async (change, message) => {
    await expect(createClient({ backend }).generate({ ...request, ...change } as GenerationInput)).rejects.toThrow(
      message,
    );
  });
});
