import { describe, expect, it } from "vitest";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { requestJsonSchema } from "./json-schema.ts";
import { parseRequest } from "./parse-request.ts";

function issuesOf(input: unknown): Record<string, string> {
  try {
    parseRequest(input);
  } catch (error) {
    if (InvalidRequestError.isInstance(error)) return Object.fromEntries(error.issues.map((i) => [i.field, i.message]));
    throw error;
  }
  return {};
}

describe("parseRequest", () => {
  it("takes levels with the number of steps that they make, as a recipe has them, and says what is short", () => {
    for (const steps of [2, 3])
      expect(parseRequest({ prompt: "a", sigmas: [9, 1, 0], steps })).toMatchObject({ steps });
    expect(issuesOf({ prompt: "a", sigmas: [1] })).toEqual({ sigmas: "must have at least 2 entries" });
  });

  it("takes the shortest request and fills in what has one right default", () => {
    const request = parseRequest({ prompt: "a red apple" });
    expect(request).toEqual({
      task: "text-to-image",
      prompt: "a red apple",
      count: 1,
      conditioning: [],
      loras: [],
      embeddings: [],
      previewEvery: 0,
      output: { format: "png", quality: 90, embedRecipe: true },
      backendOptions: {},
    });
  });

  it("parses its own output to itself, also through JSON", () => {
    const request = parseRequest({
      task: "inpaint",
      prompt: "a",
      image: new URL("https://example.com/a.png"),
      mask: Uint8Array.of(1, 2, 3),
      seed: 2n ** 64n - 1n,
      conditioning: [{ kind: "control", control: "canny", image: "edges.png", end: 0.5 }],
    });
    expect(parseRequest(JSON.parse(JSON.stringify(request)))).toEqual(request);
    expect(request).toMatchObject({
      seed: "18446744073709551615",
      image: { url: "https://example.com/a.png" },
      mask: { base64: "AQID" },
    });
  });

  it("takes a latent as values or as its file, and keeps it as plain data", () => {
    const values = parseRequest({ prompt: "a", latent: { data: Float32Array.of(1, 2), shape: [1, 1, 2] } });
    expect(parseRequest(JSON.parse(JSON.stringify(values)))).toEqual(values);
    const bytes = Buffer.from((values as { latent: { base64: string } }).latent.base64, "base64");
    expect(parseRequest({ prompt: "a", latent: bytes })).toEqual(values);
    expect(parseRequest({ task: "image-to-image", prompt: "a", latent: "a.npy", startStep: 3 })).toMatchObject({
      latent: { path: "a.npy" },
      startStep: 3,
    });
  });

  it("says what a latent's shape and an option may be", () => {
    const latent = { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] };
    expect(() => parseRequest({ prompt: "a", latent })).toThrow(/latent\.shape: must be \[channels, height, width\]/);
    const samplerOptions = { eta: null };
    expect(() => parseRequest({ prompt: "a", samplerOptions })).toThrow(
      /samplerOptions\.eta: must be a number, a word/,
    );
  });

  it.each([
    ["no object", null, ""],
    ["no prompt", {}, "prompt"],
    ["a width of text", { prompt: "a", width: "512" }, "width"],
    ["zero steps", { prompt: "a", steps: 0 }, "steps"],
    ["half a step", { prompt: "a", steps: 1.5 }, "steps"],
    ["NaN guidance", { prompt: "a", guidanceScale: Number.NaN }, "guidanceScale"],
    ["a negative seed", { prompt: "a", seed: -1 }, "seed"],
    ["a seed above 64 bits", { prompt: "a", seed: 2n ** 64n }, "seed"],
    ["an inexact seed", { prompt: "a", seed: 2 ** 60 }, "seed"],
    ["an unknown task", { task: "paint", prompt: "a" }, "task"],
    [
      "a deep field",
      { prompt: "a", conditioning: [{ kind: "control", control: "canny", image: "a", strength: 11 }] },
      "conditioning[0].strength",
    ],
    [
      "a reversed window",
      { prompt: "a", conditioning: [{ kind: "text", prompt: "b", start: 0.6, end: 0.5 }] },
      "conditioning[0].end",
    ],
    ["one sigma", { prompt: "a", sigmas: [1] }, "sigmas"],
    ["steps beside sigmas", { prompt: "a", sigmas: [9, 1, 0], steps: 20 }, "steps"],
    ["steps beside timesteps", { prompt: "a", timesteps: [900, 1], steps: 3 }, "steps"],
    ["a scheduler beside sigmas", { prompt: "a", sigmas: [9, 1, 0], scheduler: "karras" }, "scheduler"],
    ["its options", { prompt: "a", timesteps: [9, 1], schedulerOptions: { rho: 3 } }, "schedulerOptions"],
    ["APG's options without APG", { prompt: "a", guidance: { apgEta: 0.5 } }, "guidance.apgEta"],
    ["a sub-seed without strength", { prompt: "a", noise: { subseed: 4 } }, "noise.subseed"],
    ["ascending sigmas", { prompt: "a", sigmas: [0, 1, 2] }, "sigmas"],
    ["NaN sigmas", { prompt: "a", sigmas: [2, Number.NaN, 0] }, "sigmas[1]"],
    ["ascending timesteps", { prompt: "a", timesteps: [1, 500] }, "timesteps"],
    ["layers for no perturbed attention", { prompt: "a", guidance: { pagLayers: ["mid"] } }, "guidance.pagLayers"],
    ["no layer", { prompt: "a", guidance: { pagScale: 1, pagLayers: [] } }, "guidance.pagLayers"],
    ["a first step past the last", { prompt: "a", steps: 4, startStep: 4, latent: "a.npy" }, "startStep"],
    ["a last step before the first", { prompt: "a", startStep: 4, endStep: 4, latent: "a.npy" }, "endStep"],
    ["a last step of 0", { prompt: "a", endStep: 0 }, "endStep"],
    ["a first step with nothing to begin with", { prompt: "a", startStep: 4 }, "startStep"],
    ["a latent of another size than its shape", { prompt: "a", latent: { data: [1], shape: [1, 2, 2] } }, "latent"],
    ["a latent of text", { prompt: "a", latent: { data: ["x"], shape: [1, 1, 1] } }, "latent.data"],
    ["neither picture nor latent", { task: "image-to-image", prompt: "a" }, "image"],
    ["a picture and a latent", { task: "image-to-image", prompt: "a", image: "a.png", latent: "a.npy" }, "latent"],
    ["a place outside its batch", { prompt: "a", noise: { batch: { index: 2, size: 2 } } }, "noise.batch.index"],
    ["no growth", { task: "outpaint", prompt: "a", image: "a.png" }, "left"],
    ["an image of no bytes", { task: "image-to-image", prompt: "a", image: new Uint8Array() }, "image"],
    ["an empty path", { task: "image-to-image", prompt: "a", image: "" }, "image"],
    ["a broken file URL", { task: "image-to-image", prompt: "a", image: "file:///tmp/%zz" }, "image"],
    ["an ftp URL", { task: "image-to-image", prompt: "a", image: { url: "ftp://x/a.png" } }, "image"],
    ["options that JSON cannot hold", { prompt: "a", backendOptions: { local: { a: 1n } } }, "backendOptions.local.a"],
    ["a data URL that is not base64", { task: "image-to-image", prompt: "a", image: "data:text/plain,hi" }, "image"],
  ])("refuses %s, naming the field", (_name, input, field) => {
    expect(Object.keys(issuesOf(input))).toContain(field);
  });

  it.each([
    [{}, "text-to-image"],
    [{ image: "a.png" }, "image-to-image"],
    [{ image: "a.png", mask: "m.png" }, "inpaint"],
    [{ image: "a.png", left: 8 }, "outpaint"],
    [{ image: "a.png", scale: 2 }, "upscale"],
  ])("tells the task of %j: %s", (fields, task) => {
    expect(parseRequest({ prompt: "a", ...fields }).task).toBe(task);
  });

  it("says what would be right", () => {
    expect(issuesOf({ prompt: "a", promtp: "b" }).promtp).toContain("did you mean prompt");
    expect(issuesOf({ prompt: "a", task: "text-to-image", image: "a.png" }).image).toContain('task "image-to-image"');
    expect(issuesOf({ prompt: "a", seed: 2 ** 60 }).seed).toContain("bigint");
    expect(issuesOf({ prompt: "a", output: { format: "bmp" } })["output.format"]).toContain("png, jpeg, webp");
  });

  it.each([
    [{ num_inference_steps: 4 }, "num_inference_steps", /use steps$/],
    [{ n: 2 }, "n", /use count$/],
    [{ cfgScale: 2 }, "cfgScale", /use guidanceScale$/],
    [{ response_format: "url" }, "response_format", /use output\.format; .*bytes\(\)/],
    [{ colour: 2 }, "colour", /there are task, prompt, .*guidanceScale/],
    [{ output: { qualty: 2 } }, "output.qualty", /did you mean quality\?/],
    [{ output: { kind: "x" } }, "output.kind", /there are format, quality, embedRecipe/],
    [{ loras: [{ model: "a", wieght: 1 }] }, "loras[0].wieght", /there are model, strength/],
    [
      { conditioning: [{ kind: "control", control: "canny", image: "a", strenght: 1 }] },
      "conditioning[0].strenght",
      /did you mean strength\?/,
    ],
    [{ guidance: { rescal: 1 } }, "guidance.rescal", /did you mean rescale/],
  ])("says of %j what there is", (fields, field, message) => {
    expect(issuesOf({ prompt: "a", ...fields })[field]).toMatch(message);
  });

  it("says of a picture that is left out that it is missing, and of a wrong one what it may be", () => {
    expect(issuesOf({ prompt: "a", mask: "m.png" }).image).toMatch(/^is missing: must be a file path/);
    expect(issuesOf({ prompt: "a", task: "inpaint", image: "a.png" }).mask).toMatch(/^is missing: must be/);
    expect(issuesOf({ prompt: "a", image: 4 }).image).toMatch(/^must be a file path/);
  });

  it("exports itself as JSON Schema", () => {
    const schema = requestJsonSchema() as { oneOf?: unknown[]; anyOf?: unknown[] };
    const members = (schema.oneOf ?? schema.anyOf) as { properties: Record<string, unknown>; required: string[] }[];
    expect(members).toHaveLength(6);
    expect(members[0]?.properties.steps).toMatchObject({ type: "integer", minimum: 1, maximum: 1000 });
    expect(members[0]?.required).toContain("prompt");
    expect(members[0]?.required).not.toContain("count");
  });
});
