import { join } from "node:path";
import { createClient, type GenerationInput } from "@latentkit/core";
import { modelPath, nearWords, readVocabulary } from "@latentkit/tiny-model";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { fixture, fixtureModel } from "../testing/test-model.ts";
import { expectationWarnings } from "./expectations.ts";
import { ModelLibrary } from "./model-library.ts";
import { readModel } from "./read-model.ts";

const library = new ModelLibrary();
const embedded = await library.find(undefined);

async function warningsOf(prompt: string, size: { width: number; height: number } = { width: 64, height: 64 }) {
  return expectationWarnings(embedded, { prompt, ...size });
}

describe("words that the embedded model does not know", () => {
  it.each([
    "a red apple on a blue background",
    "A Robot, in the starry night; (3D render)",
    "an ice-cream cone",
    "a tiny panda bear with grey background",
    "an apple and a banana at sunset",
    "",
    "7 stars",
    "(a red apple:1.2), [star:heart:0.5] BREAK embedding:easy <lora:ink:0.8> a cat",
  ])("are none in %j", async (prompt) => {
    expect(await warningsOf(prompt)).toEqual([]);
  });

  it.each<[string, RegExp]>([
    [
      "a fox on grass",
      /^prompt: the embedded model does not know "fox" \(it knows dog, cat, panda\)\. It draws 40 things, such as apple/,
    ],
    ["apples", /does not know "apples" \(it knows apple\)/],
    ["a lighthouse in a storm", /"lighthouse" \(it knows house\), "storm"/],
    ["ein Café 東京", /"ein".*"café".*"東京"/],
    ["a snowmann", /"snowmann" \(it knows snowman\)/],
    ["q w e r t z u i k l", /2 more/],
  ])("are told, with near ones that it knows: %s", async (prompt, message) => {
    expect(await warningsOf(prompt)).toMatchObject([
      { code: "prompt_unknown_words", field: "prompt", message: expect.stringMatching(message) },
    ]);
  });

  it("have near ones that it does know", async () => {
    const { words } = await readVocabulary();
    for (const word of ["fox", "bus", "rose", "castle", "woman", "beach", "mountain", "anime", "violet", "cups"]) {
      const near = nearWords(word);
      expect(near.length).toBeGreaterThan(0);
      for (const part of near.flatMap((each) => each.split(" "))) expect(words).toContain(part);
    }
  });
});

test("a size that the embedded model wasn't trained at is told", async () => {
  const message = expect.stringMatching(/trained on pictures of 64×64 alone; at 128×64/);
  expect(await warningsOf("a cat", { width: 128, height: 64 })).toMatchObject([
    { code: "size_untrained", field: "width", message },
  ]);
  expect(await warningsOf("a cat", { width: 64, height: 96 })).toMatchObject([
    { code: "size_untrained", field: "height" },
  ]);
});

describe("another model's size", () => {
  const traits = { ...embedded.traits, defaultWidth: 512, defaultHeight: 512 };
  const model = { ...embedded, path: "/models/sd15", traits };
  it.each([
    [512, 512, true],
    [512, 768, true],
    [640, 640, true],
    [768, 768, false],
    [1024, 1024, false],
    [256, 256, false],
    [1024, 320, false],
  ])("%i×%i", async (width, height, isFine) => {
    const warnings = await expectationWarnings(model, { prompt: "a fox", width, height });
    expect(warnings.map(({ code }) => code)).toEqual(isFine ? [] : ["size_untrained"]);
  });
});

test("a file of Stable Diffusion 3 that no T5 was found for says so, and one that has it does not", async () => {
  const folder = fixture("families/stable-diffusion-3");
  const at = (name: string) => join(folder, name);
  const parts = { textEncoder: at("text_encoder"), textEncoder2: at("text_encoder_2"), vae: at("vae") };
  const told = async (more: object) => {
    const model = await readModel(at("transformer"), { parts: { ...parts, ...more } });
    return expectationWarnings(model, { prompt: "a fox", width: 64, height: 64 });
  };
  const message = expect.stringMatching(
    /no textEncoder3 \(T5EncoderModel\) was found for .*transformer: less of the prompt/,
  );
  expect(await told({})).toMatchObject([{ code: "part_missing", field: "prompt", message }]);
  expect(await told({ textEncoder3: at("text_encoder_3") })).toEqual([]);
});

describe("through a client", () => {
  let backend: LocalBackend;
  beforeAll(() => {
    backend = local({ threads: 1 });
  });
  afterAll(() => backend.dispose());
  const generate = (input: GenerationInput) => createClient({ backend }).generate(input);

  it("the warnings are in the result, and a prompt that it can draw has none", async () => {
    const { warnings } = await generate({ prompt: "a fox", steps: 1, width: 32, height: 32 });
    expect(warnings.map(({ code }) => code).sort()).toEqual(["prompt_unknown_words", "size_untrained"]);
    expect((await generate({ prompt: "a cat on grass", steps: 1 })).warnings).toEqual([]);
    expect((await generate({ model: modelPath, prompt: "a fox", steps: 1 })).warnings).toHaveLength(1);
  });

  it("capabilities give what the model does where a request is silent", async () => {
    const { defaults } = await backend.capabilities();
    const { recipe } = await generate({ prompt: "a cat" });
    const { width, height, steps, guidanceScale, sampler, scheduler } = recipe.request;
    expect(defaults).toEqual({ width, height, steps, guidanceScale, sampler, scheduler });
    expect(defaults).toMatchObject({ width: 64, steps: 20, guidanceScale: 4 });
    expect((await backend.capabilities(fixtureModel("sd1"))).defaults).toMatchObject({ steps: 20, guidanceScale: 7.5 });
  });
});
