import { describe, expect, it } from "vitest";
import type { Backend } from "./backend.ts";
import type { Capabilities } from "./capabilities.ts";
import { checkCapabilities } from "./check-capabilities.ts";
import { createClient } from "./client.ts";
import { dropUnsupported } from "./drop-unsupported.ts";
import { UnsupportedError } from "./errors/unsupported-error.ts";
import { parseRequest } from "./request/parse-request.ts";
import type { GenerationRequest } from "./request/request.ts";

/** A backend that takes a prompt and hardly anything else. */
const poor: Capabilities = {
  backend: "poor",
  tasks: ["text-to-image"],
  features: ["steps", "guidanceScale"],
  conditioning: [],
  samplers: [],
  schedulers: [],
  outputFormats: ["webp"],
  limits: {
    width: { min: 64, max: 500, multipleOf: 64 },
    height: { min: 512, max: 512 },
    count: { min: 1, max: 4 },
    steps: { min: 1, max: 8 },
    guidanceScale: { min: 2, max: 3 },
    seed: { min: 0, max: 2 ** 32 - 1 },
  },
  resume: false,
};

const image = Buffer.from("a picture");
const text = { kind: "text", prompt: "b" } as const;

describe("dropUnsupported", () => {
  it("leaves nothing that is refused", () => {
    const request = parseRequest({
      prompt: "a",
      negativePrompt: "b",
      width: 2000,
      height: 100,
      count: 100,
      steps: 50,
      guidanceScale: 9,
      seed: 2n ** 64n - 1n,
      guidance: { mode: "apg", rescale: 0.5 },
      sampler: "euler",
      scheduler: "karras",
      samplerOptions: { eta: 1 },
      schedulerOptions: { rho: 5 },
      latent: { data: [0], shape: [1, 1, 1] },
      startStep: 3,
      endStep: 9,
      noise: { source: "nv" },
      clipSkip: 2,
      conditioning: [text, { kind: "control", control: "canny", image }, text],
      loras: [{ model: "l" }],
      embeddings: [{ model: "e" }],
      hires: {},
      output: { latent: true, format: "jpeg" },
    });
    const issues = checkCapabilities(request, poor);
    const dropped = dropUnsupported(request, issues, "poor");
    expect(checkCapabilities(dropped.request, poor)).toEqual([]);
    expect(dropped.request).toMatchObject({
      width: 448,
      height: 512,
      count: 4,
      steps: 8,
      guidanceScale: 3,
      prompt: "a",
    });
    expect(dropped.request.output.format).toBe("webp");
    expect(dropped.request.conditioning).toEqual([]);
    // Each issue is told, once.
    expect(new Set(dropped.warnings.map(({ field }) => field))).toEqual(new Set(issues.map(({ field }) => field)));
    expect(dropped.warnings).toHaveLength(issues.length);
  });

  it.each([
    [{ task: "image-to-image", prompt: "a", image, strength: 0.3 }, "text-to-image"],
    [{ task: "inpaint", prompt: "a", image, mask: image }, "text-to-image"],
    [{ task: "unconditional" }, "text-to-image"],
  ])("does what is left of a task: %o", (input, task) => {
    const request = parseRequest(input);
    const dropped = dropUnsupported(request, checkCapabilities(request, poor), "poor");
    expect(dropped.request.task).toBe(task);
    expect(dropped.request).not.toHaveProperty("image");
    expect(dropped.warnings[0]).toMatchObject({ field: "task", message: expect.stringContaining(`${task} is done`) });
  });

  it.each([
    { task: "upscale", image },
    { task: "outpaint", prompt: "a", image, left: 8 },
  ])("refuses a task that nothing is like: %o", (input) => {
    const request = parseRequest(input);
    expect(() => dropUnsupported(request, checkCapabilities(request, poor), "poor")).toThrow(UnsupportedError);
  });
});

describe("a backend that finds only at work what it cannot do", () => {
  const requests: GenerationRequest[] = [];
  const late: Backend = {
    id: "late",
    capabilities: async () => ({
      ...poor,
      features: ["sampler", "loras"],
      samplers: "any",
      limits: {},
      outputFormats: ["png"],
    }),
    async *generate(request) {
      requests.push(request);
      if (request.sampler) throw new UnsupportedError([{ field: "sampler", message: "is too slow today" }]);
      if (request.loras[1]) throw new UnsupportedError([{ field: "loras[1].strength", message: "is too strong" }]);
      if ("prompt" in request && request.prompt === "no")
        throw new UnsupportedError([{ field: "prompt", message: "is no" }]);
      yield { type: "image", index: 0, image: { kind: "pixels", width: 1, height: 1, channels: 3, base64: "AQID" } };
      yield { type: "completed" };
    },
    dispose: async () => {},
  };
  const input = { prompt: "a", sampler: "euler", loras: [{ model: "x" }, { model: "y", strength: 9 }] };

  it("is asked again without it where it is to warn, and the recipe says what was done", async () => {
    const { warnings, recipe } = await createClient({ backend: late, onUnsupported: "warn" }).generate(input);
    expect(warnings.map(({ field }) => field)).toEqual(["sampler", "loras[1].strength"]);
    expect(requests).toHaveLength(3);
    expect(recipe.request).toMatchObject({ loras: [{ model: "x" }] });
    expect(recipe.request).not.toHaveProperty("sampler");
  });

  it("refuses it else, and what nothing can stand in for", async () => {
    const client = createClient({ backend: late });
    await expect(client.generate(input)).rejects.toMatchObject({ issues: [{ field: "sampler" }] });
    const no = client.generate({ prompt: "no" }, { onUnsupported: "warn" });
    await expect(no).rejects.toMatchObject({ issues: [{ field: "prompt" }] });
  });
});
