import { readFile } from "node:fs/promises";
import { createClient, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { fixture, fixtureModel, recordedTensor } from "../testing/test-model.ts";

// Pictures over what A1111's and ComfyUI's own code makes of the prompts (tools/oracle/prompt_pictures.py), through the public API.
const cases: { name: string; model: string; request: GenerationInput }[] = JSON.parse(
  await readFile(fixture("prompts/pictures.json"), "utf8"),
);

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ model: fixtureModel("sd1"), threads: 1 });
});
afterAll(() => backend.dispose());
const generate = (request: object) => createClient({ backend }).generate(request as GenerationInput);

describe("pictures of prompts", () => {
  test.each(cases)("$name", async ({ name, model, request }) => {
    const { images, recipe } = await generate({ ...request, model: fixture(model) });
    const { data } = await images[0]!.pixels();
    const oracle = await recordedTensor(fixture("prompts/pictures.safetensors"), name);
    expect(data.length).toBe(oracle.length);
    const differences = data.map((value, i) => Math.abs(value - oracle[i]!));
    expect(differences.reduce((sum, value) => sum + value, 0) / data.length).toBeLessThan(0.5);
    expect(Math.max(...differences)).toBeLessThanOrEqual(8);
    expect(recipe.request).toMatchObject({ promptSyntax: "promptSyntax" in request ? request.promptSyntax : "plain" });
    expect((await (await generate(recipe)).images[0]!.pixels()).data).toEqual(data);
  });
});

const request = { prompt: "a red apple", steps: 2, seed: 5, width: 64, height: 64 };

test.each([
  ["a (red:1.2) apple", '"(red:1.2)"'],
  ["a [red] apple", '"[red]"'],
  ["an apple BREAK a cat", '"BREAK"'],
  ["an apple <lora:detail:0.8>", '"<lora:detail:0.8>"'],
])("a plain prompt with signs is read as it stands, with a warning: %s", async (prompt, sign) => {
  const { warnings } = await generate({ ...request, prompt, negativePrompt: "a BREAKing wave" });
  expect(warnings).toMatchObject([{ code: "prompt_syntax", field: "prompt", message: expect.stringContaining(sign) }]);
});

const pixels = async (more: object) => (await (await generate({ ...request, ...more })).images[0]!.pixels()).data;

test("a text's weight acts in a plain request as ComfyUI's", async () => {
  const conditioning = [{ kind: "text", prompt: "on a blue background", weight: 1.6 }];
  const plain = await pixels({ conditioning });
  expect(plain).toEqual(await pixels({ conditioning, promptSyntax: "comfyui" }));
  expect(plain).not.toEqual(await pixels({ conditioning: [{ ...conditioning[0], weight: 1 }] }));
  expect(plain).not.toEqual(await pixels({}));
});

test.each([
  ["without guidance", { guidanceScale: 1 }],
  ["with guidance in some steps", { guidanceScale: 5, guidance: { start: 0.5 } }],
  ["with perturbed attention", { guidanceScale: 5, guidance: { pagScale: 3 } }],
])("two halves of one prompt are that prompt, %s", async (_, more) => {
  const whole = await pixels({ ...more, prompt: "a red apple" });
  const halves = await pixels({ ...more, prompt: "a red apple :0.5 AND a red apple :0.5", promptSyntax: "a1111" });
  expect(Math.max(...whole.map((value, i) => Math.abs(value - halves[i]!)))).toBeLessThanOrEqual(1);
  expect(halves).not.toEqual(await pixels({ ...more, prompt: "a red apple :0.5", promptSyntax: "a1111" }));
});

test("signs that the request's syntax reads draw no warning, an embedding that nobody knows does", async () => {
  const prompt = "a (red:1.2) apple embedding:easynegative, cat";
  const { warnings } = await generate({ ...request, prompt, promptSyntax: "comfyui" });
  expect(warnings.map(({ message }) => message)).toEqual([
    'prompt: there is no embedding "easynegative"; it is left out',
  ]);
});

test("a plain prompt is cut at the encoder's length with a warning, one of another syntax is not", async () => {
  const prompt = "a red apple, ".repeat(30);
  const plain = await generate({ ...request, prompt });
  expect(plain.warnings).toMatchObject([{ code: "prompt_truncated", field: "prompt" }]);
  const long = await generate({ ...request, prompt, promptSyntax: "a1111" });
  expect(long.warnings).toEqual([]);
  expect((await long.images[0]!.pixels()).data).not.toEqual((await plain.images[0]!.pixels()).data);
});

test.each([
  [{ prompt: "a (red:1.2.3) apple", promptSyntax: "a1111" }, "prompt"],
  [{ negativePrompt: "(a:.)", promptSyntax: "a1111" }, "negativePrompt"],
  [{ promptSyntax: "forge" }, "promptSyntax"],
  [{ prompt: "(".repeat(30_000), promptSyntax: "a1111" }, "prompt"],
  [{ prompt: `${"(".repeat(9_000)}a${")".repeat(9_000)}`, promptSyntax: "comfyui" }, "prompt"],
])("what cannot be read is refused before any work: %o", async (more, field) => {
  await expect(generate({ ...request, ...more })).rejects.toMatchObject({
    code: "invalid_request",
    issues: [expect.objectContaining({ field })],
  });
});
