import { describe, expect, it } from "vitest";
import { samplerNames } from "../diffusion/samplers.ts";
import { schedulerNames } from "../diffusion/schedulers.ts";
import { RecipeError } from "../errors/recipe-error.ts";
import { encodeImage } from "../image/codec.ts";
import { writePngText } from "../png/chunks.ts";
import { parseRequest } from "../request/parse-request.ts";
import { formatParameters, parseParameters } from "./a1111-parameters.ts";
import { embedRecipe, readRecipe } from "./png-recipe.ts";
import { parseRecipe, type Recipe } from "./recipe.ts";

const input = {
  prompt: "a cat,\nlooking up",
  negativePrompt: "blurry",
  seed: 2n ** 60n,
  steps: 20,
  sampler: "dpmpp_2m",
  scheduler: "karras",
  guidanceScale: 7.5,
  width: 512,
  height: 768,
};
const recipe: Recipe = {
  latentkit: "recipe",
  version: 1,
  backend: "local",
  request: parseRequest(input),
  model: { id: "/models/sd15", hash: "sha256:0123456789abcdef" },
  versions: { "@latentkit/core": "0.1.0" },
};
const png = () => encodeImage({ width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) }, "png");

describe("recipes", () => {
  it("travel inside a PNG, exactly", async () => {
    expect(await readRecipe(embedRecipe(await png(), recipe))).toEqual(recipe);
  });

  it("write the parameters line that other tools read", () => {
    expect(formatParameters(recipe)).toBe(
      "a cat,\nlooking up\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, " +
        "Seed: 1152921504606846976, Size: 512x768, Model hash: 0123456789, Model: sd15, Version: LatentKit 0.1.0",
    );
  });

  it("read a parameters line back", () => {
    expect(parseRequest(parseParameters(formatParameters(recipe)))).toEqual(recipe.request);
    expect(parseParameters("a dog\nSteps: 30, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Size: 64x64")).toEqual({
      prompt: "a dog",
      steps: 30,
      sampler: "dpmpp_2m",
      scheduler: "karras",
      guidanceScale: 7,
      seed: "1",
      width: 64,
      height: 64,
      noise: { convention: "a1111", source: "nv" },
    });
  });

  it("keep every sampler and scheduler through the parameters line", () => {
    for (const sampler of samplerNames)
      for (const scheduler of [...schedulerNames, "diffusers"]) {
        const request = parseRequest({ ...input, sampler, scheduler });
        expect(parseParameters(formatParameters({ ...recipe, request }))).toMatchObject({ sampler, scheduler });
      }
  });

  it.each([
    ["DPM++ 2M SDE Heun, Schedule type: Automatic", { sampler: "dpmpp_2m_sde_heun", scheduler: "exponential" }],
    ["HeunPP2, Schedule type: SGM Uniform", { sampler: "heunpp2", scheduler: "sgm_uniform" }],
    ["DEIS", { sampler: "deis" }],
    ["IPNDM", { sampler: "ipndm" }],
    ["DPM2 a Karras", { sampler: "dpm_2_ancestral", scheduler: "karras" }],
    ["Nobody's", { sampler: "Nobody's" }],
  ])("read A1111's sampler %s", (text, expected) => {
    expect(parseParameters(`a dog\nSteps: 30, Sampler: ${text}, Seed: 1`)).toEqual({
      prompt: "a dog",
      steps: 30,
      seed: "1",
      noise: { convention: "a1111", source: "nv" },
      ...expected,
    });
  });

  it("write A1111's noise settings and read them back", () => {
    const noise = {
      convention: "a1111",
      source: "nv",
      subseed: 2n ** 60n,
      subseedStrength: 0.3,
      ensd: -31337,
    } as const;
    const request = parseRequest({ ...input, noise: { ...noise, resizeFrom: { width: 256, height: 384 } } });
    const text = formatParameters({ ...recipe, request });
    expect(text).toContain(
      "Model: sd15, Variation seed: 1152921504606846976, Variation seed strength: 0.3, Seed resize from: 256x384, ENSD: -31337, RNG: NV,",
    );
    expect(parseRequest(parseParameters(text))).toEqual(request);
    const onCpu = parseRequest({ ...input, noise: { convention: "a1111" } });
    expect(parseRequest(parseParameters(formatParameters({ ...recipe, request: onCpu })))).toEqual(onCpu);
  });

  it.each([
    ["Variation seed: 9, Variation seed strength: 0.3", { source: "nv", subseed: "9", subseedStrength: 0.3 }],
    ["ENSD: 31337, RNG: CPU", { source: "torch-cpu", ensd: 31337 }],
    ["RNG: NV", { source: "nv" }],
    ["Variation seed: 9, Variation seed strength: 0, Seed resize from: -1x-1, RNG: CPU", { source: "torch-cpu" }],
  ])("read A1111's %s", (text, noise) => {
    const read = parseParameters(`a fox\nSteps: 4, Seed: 3, ${text}, Version: v1.10.1`);
    expect(read?.noise).toEqual({ convention: "a1111", ...noise });
    expect(() => parseRequest(read)).not.toThrow();
  });

  it("read a PNG of A1111's", async () => {
    const file = writePngText(await png(), { parameters: "a fox\nSteps: 4, Sampler: Euler a, Seed: 3" });
    expect(await readRecipe(file)).toMatchObject({
      backend: "a1111",
      request: { prompt: "a fox", sampler: "euler_ancestral", seed: 3 },
    });
  });

  it("are refused when they are none, with a reason", async () => {
    await expect(readRecipe(await png())).rejects.toThrow(RecipeError);
    await expect(readRecipe("/no/such/file.png")).rejects.toMatchObject({ code: "not_found" });
    expect(() => parseRecipe("{")).toThrow(/not JSON/);
    expect(() => parseRecipe({ ...recipe, version: 2 })).toThrow(/update/);
    expect(() => parseRecipe({ ...recipe, request: { prompt: 3 } })).toThrow(/prompt/);
  });
});
