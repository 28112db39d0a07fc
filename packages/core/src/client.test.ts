import { describe, expect, it } from "vitest";
import type { Backend, JobHandle } from "./backend.ts";
import type { Capabilities } from "./capabilities.ts";
import { createClient } from "./client.ts";
import { sha256 } from "./image/load-image-source.ts";
import type { GenerationRequest } from "./request/request.ts";

const capabilities: Capabilities = {
  backend: "test",
  model: { id: "m", hash: "sha256:1" },
  tasks: ["text-to-image"],
  features: ["seed", "steps", "sampler"],
  missing: { clipSkip: "needs a newer server" },
  conditioning: ["control"],
  controls: ["canny"],
  samplers: ["euler", "dpmpp_2m"],
  schedulers: [],
  outputFormats: ["png"],
  limits: { width: { min: 64, max: 512, multipleOf: 8 } },
  resume: true,
};
const pixel = { kind: "pixels", width: 1, height: 1, channels: 3, base64: "AQID" } as const;

function testBackend(changes: Partial<Backend> = {}): Backend & { requests: GenerationRequest[]; disposed: number } {
  const state = { requests: [] as GenerationRequest[], disposed: 0 };
  return Object.assign(state, {
    id: "test",
    capabilities: async () => capabilities,
    async *generate(request: GenerationRequest) {
      state.requests.push(request);
      yield { type: "started" as const, model: { id: "m", hash: "sha256:1" } };
      yield { type: "image" as const, index: 0, image: pixel };
      yield { type: "completed" as const };
    },
    dispose: async () => {
      state.disposed++;
    },
    ...changes,
  });
}

describe("createClient", () => {
  it("gives the backend a whole request, with a seed of its own where none was asked for", async () => {
    const backend = testBackend();
    const { recipe } = await createClient({ backend, defaults: { steps: 9 } }).generate({ prompt: "a" });
    expect(backend.requests[0]).toMatchObject({
      task: "text-to-image",
      prompt: "a",
      steps: 9,
      count: 1,
      seed: expect.any(Number),
    });
    expect(recipe.request.seed).toBe(backend.requests[0]?.seed);
  });

  it("enlarges by the model's own factor where the request says none, and by the usual one where the model has none", async () => {
    const limits = { scale: { min: 4, max: 4 } };
    const upscaler = { ...capabilities, tasks: ["upscale" as const], limits, defaults: { scale: 4 } };
    const backend = testBackend({ capabilities: async () => upscaler });
    const client = createClient({ backend });
    const input = { task: "upscale", image: Uint8Array.of(1) } as const;
    expect((await client.explain(input)).backends[0]?.issues).toEqual([]);
    await client.generate(input);
    await expect(client.generate({ ...input, scale: 2 })).rejects.toThrow(/scale: 2 is not possible here: must be 4$/);
    await client.generate({ ...input, scale: 2 }, { onUnsupported: "warn" });
    await expect(createClient({ backend, defaults: { scale: 3 } }).generate(input)).rejects.toThrow(/must be 4$/);
    const plain = testBackend({ capabilities: async () => ({ ...upscaler, limits: {}, defaults: {} }) });
    await createClient({ backend: plain }).generate(input);
    const scales = [...backend.requests, ...plain.requests].map((request) => (request as { scale?: number }).scale);
    expect(scales).toEqual([4, 4, 2]);
  });

  it("refuses a part of the steps and a latent where there are none of these, and leaves them out where it is to warn", async () => {
    const latent = { data: [0], shape: [1, 1, 1] };
    for (const field of [{ endStep: 3 }, { latent }, { startStep: 2, latent }]) {
      const backend = testBackend();
      const input = { prompt: "a", ...field };
      await expect(createClient({ backend }).generate(input)).rejects.toMatchObject({ code: "unsupported" });
      const { warnings } = await createClient({ backend }).generate(input, { onUnsupported: "warn" });
      expect(warnings.map((warning) => warning.field).sort()).toEqual(Object.keys(field).sort());
      for (const name of Object.keys(field)) expect(backend.requests[0]).not.toHaveProperty(name);
    }
  });

  it("goes on without previews where there are none, and says so", async () => {
    const backend = testBackend();
    const { warnings } = await createClient({ backend }).generate({ prompt: "a", previewEvery: 5 });
    expect(warnings).toMatchObject([{ code: "no_previews", field: "previewEvery" }]);
    expect(backend.requests[0]?.previewEvery).toBe(0);
  });

  it("tells the size of a picture whose size the backend decided, and lets it decide again", async () => {
    const stripe = { ...pixel, width: 16, height: 8, base64: Buffer.alloc(16 * 8 * 3).toString("base64") };
    const made = testBackend({
      async *generate(request) {
        made.requests.push(request);
        yield { type: "image", index: 0, image: stripe };
        yield { type: "completed" };
      },
    });
    const client = createClient({ backend: made });
    const { recipe, images } = await client.generate({ prompt: "a", seed: 1 });
    expect(recipe).toMatchObject({ request: { width: 16, height: 8 }, observed: { width: 16, height: 8 } });
    expect(images[0]?.recipe.request).toMatchObject({ width: 16, height: 8 });
    await client.generate(recipe);
    expect(made.requests[1]).toEqual(made.requests[0]);
    const { request } = recipe;
    await client.generate({ ...recipe, request: { ...request, width: 64 } });
    expect(made.requests[2]).toMatchObject({ width: 64 });
    expect(made.requests[2]).not.toHaveProperty("height");
    const other = testBackend();
    await createClient({ backend: Object.assign(other, { id: "other" }) }).generate(
      { ...recipe, request: { ...request, width: 64, height: 16 } },
      { onUnsupported: "warn" },
    );
    expect(other.requests[0]).toMatchObject({ width: 64, height: 16 });
  });

  it("gives each picture's recipe what is that picture's own, and its latent", async () => {
    const own = { convention: "a1111" as const, source: "nv" as const, subseed: 8, subseedStrength: 0.1, ensd: 0 };
    const latent = {
      shape: [1, 1, 2] as const,
      base64: Buffer.from(Float32Array.of(0.5, -2).buffer).toString("base64"),
    };
    const backend = testBackend({
      async *generate() {
        yield { type: "image", index: 1, seed: 5, resolved: { noise: own }, image: pixel, latent };
        yield { type: "completed" };
      },
    });
    const { images, recipe } = await createClient({ backend }).generate({ prompt: "a", seed: 4 });
    expect(images[0]!.recipe.request).toMatchObject({ seed: 5, count: 1, noise: own });
    expect(recipe.request).not.toHaveProperty("noise");
    expect(images[0]!.latent!.data).toEqual(Float32Array.of(0.5, -2));
    const bytes = Buffer.from(images[0]!.latent!.bytes());
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString());
    expect(header).toEqual({ latents: { dtype: "F32", shape: [1, 1, 1, 2], data_offsets: [0, 8] } });
    expect(bytes.subarray(-8)).toEqual(Buffer.from(Float32Array.of(0.5, -2).buffer));
  });

  it("gives every backend ComfyUI's names, whatever tool's the request and the defaults have", async () => {
    const known = { ...capabilities, features: [...capabilities.features, "scheduler" as const] };
    const backend = testBackend({
      capabilities: async () => ({ ...known, schedulers: ["karras", "exponential"] }),
    });
    const client = createClient({ backend, defaults: { sampler: "Euler", scheduler: "Exponential" } });
    const { recipe } = await client.generate({ prompt: "a", sampler: "DPM++ 2M Karras" });
    await client.generate({ prompt: "a", sampler: "DPMSolverMultistepScheduler" });
    await client.generate({ prompt: "a" });
    expect(backend.requests.map(({ sampler, scheduler }) => `${sampler} ${scheduler}`)).toEqual([
      "dpmpp_2m karras",
      "dpmpp_2m exponential",
      "euler exponential",
    ]);
    expect(recipe.request).toMatchObject({ sampler: "dpmpp_2m", scheduler: "karras" });
  });

  it("leaves the defaults' scheduler and steps out where a request gives its own levels", async () => {
    const features = [...capabilities.features, "scheduler" as const, "sigmas" as const];
    const backend = testBackend({ capabilities: async () => ({ ...capabilities, features, schedulers: ["karras"] }) });
    const client = createClient({ backend, defaults: { steps: 9, scheduler: "karras", sampler: "euler" } });
    await client.generate({ prompt: "a", sigmas: [9, 1, 0] });
    expect(backend.requests[0]).toMatchObject({ sampler: "euler", sigmas: [9, 1, 0] });
    expect(backend.requests[0]).not.toHaveProperty("scheduler");
    expect(backend.requests[0]).not.toHaveProperty("steps");
  });

  it("lets a plain prompt through to whoever reads no signs", async () => {
    const backend = testBackend();
    await createClient({ backend }).generate({ prompt: "a (red:1.2) apple", promptSyntax: "plain" });
    expect(backend.requests[0]).toMatchObject({ promptSyntax: "plain" });
  });

  it("treats seed 0 as a seed, and lets a request win over the defaults", async () => {
    const backend = testBackend();
    await createClient({ backend, defaults: { steps: 9, seed: 4 } }).generate({ prompt: "a", seed: 0, steps: 3 });
    expect(backend.requests[0]).toMatchObject({ seed: 0, steps: 3 });
  });

  it.each([
    [{ prompt: "a", sampler: "dpmpp_2n" }, "sampler", /did you mean dpmpp_2m/],
    [{ prompt: "a", negativePrompt: "b" }, "negativePrompt", /no effect/],
    [{ prompt: "a", clipSkip: 2 }, "clipSkip", /needs a newer server/],
    [{ prompt: "a", promptSyntax: "a1111" }, "promptSyntax", /no effect/],
    [{ prompt: "a", width: 100 }, "width", /64 to 512, a multiple of 8/],
    [{ prompt: "a", output: { format: "webp" } }, "output.format", /png/],
    [{ task: "unconditional" }, "task", /text-to-image/],
    [{ prompt: "a", endStep: 3 }, "endStep", /no effect/],
    [{ prompt: "a", latent: { data: [0], shape: [1, 1, 1] } }, "latent", /no effect/],
    [{ prompt: "a", output: { latent: true } }, "output.latent", /no effect/],
    [
      { prompt: "a", conditioning: [{ kind: "control", control: "depth", image: "d.png" }] },
      "conditioning[0].control",
      /canny/,
    ],
    [{ prompt: "a", conditioning: [{ kind: "text", prompt: "b" }] }, "conditioning[0].kind", /control/],
  ] as const)("refuses what the backend cannot do before any work: %j", async (input, field, message) => {
    const backend = testBackend();
    const error = await createClient({ backend })
      .generate(input as never)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "unsupported",
      backend: "test",
      issues: [{ field, message: expect.stringMatching(message) }],
    });
    expect(backend.requests).toHaveLength(0);
  });

  it("can be told to warn and go on, with the nearest size that is possible", async () => {
    const backend = testBackend();
    const client = createClient({ backend, onUnsupported: "warn" });
    const { warnings } = await client.generate({
      prompt: "a",
      negativePrompt: "b",
      loras: [{ model: "x" }],
      conditioning: [{ kind: "text", prompt: "c" }],
    });
    expect(warnings.map((warning) => warning.field).sort()).toEqual([
      "conditioning[0].kind",
      "loras",
      "negativePrompt",
    ]);
    expect(backend.requests[0]).not.toHaveProperty("negativePrompt");
    expect(backend.requests[0]).toMatchObject({ loras: [], conditioning: [] });
    const sized = await client.generate({ prompt: "a", width: 100 });
    expect(sized.warnings).toMatchObject([{ field: "width", message: expect.stringContaining("104 is used") }]);
    expect(backend.requests[1]).toMatchObject({ width: 104 });
  });

  it("runs a recipe again, and warns when backend or model differ", async () => {
    const backend = testBackend();
    const client = createClient({ backend });
    const { recipe } = await client.generate({ prompt: "a", seed: 3 });
    expect((await client.generate(recipe)).warnings).toEqual([]);
    expect(backend.requests[1]).toEqual(backend.requests[0]);
    const other = await client.generate({ ...recipe, model: { id: "n", hash: "sha256:2" } });
    expect(other.warnings).toMatchObject([{ code: "recipe_differs", message: expect.stringContaining("sha256:2") }]);
    expect((await client.generate({ ...recipe, backend: "comfy" })).warnings).toMatchObject([
      { code: "recipe_differs" },
    ]);
  });

  it("resumes a handle of its own backend, and refuses others", async () => {
    const handles: JobHandle[] = [];
    const backend = testBackend({
      async *resume(handle) {
        handles.push(handle);
        yield { type: "image", index: 0, image: pixel };
        yield { type: "completed" };
      },
    });
    const client = createClient({ backend });
    const handle = {
      latentkit: "handle",
      backend: "test",
      request: { prompt: "a" },
      data: { id: 1 },
    } as unknown as JobHandle;
    expect((await client.resume(handle)).images).toHaveLength(1);
    expect(handles[0]?.data).toEqual({ id: 1 });
    await expect(client.resume({ ...handle, backend: "comfy" })).rejects.toThrow(/belongs to backend "comfy"/);
    await expect(client.resume({} as never)).rejects.toMatchObject({ code: "not_found" });
    await expect(createClient({ backend: testBackend() }).resume(handle)).rejects.toMatchObject({
      code: "unsupported",
    });
  });

  it("cancels what runs when disposed, and then refuses", async () => {
    const backend = testBackend({
      async *generate(_request, { signal }) {
        yield { type: "queued" };
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const client = createClient({ backend });
    const job = client.generate({ prompt: "a" });
    for await (const _ of job) break;
    await client.dispose();
    await expect(job).rejects.toMatchObject({ code: "aborted" });
    expect(backend.disposed).toBe(1);
    await expect(client.generate({ prompt: "a" })).rejects.toMatchObject({ code: "disposed" });
  });

  it("notes what the input images were, and refuses a recipe whose image was changed", async () => {
    const backend = testBackend({
      capabilities: async () => ({ ...capabilities, tasks: ["image-to-image"], features: ["seed"] }),
    });
    const client = createClient({ backend });
    const { recipe } = await client.generate({ task: "image-to-image", prompt: "a", image: Buffer.from("one") });
    expect(recipe.request).toMatchObject({ image: { sha256: sha256(Buffer.from("one")) }, strength: 0.8 });
    const changed = {
      ...recipe,
      request: { ...recipe.request, image: { base64: "dHdv", sha256: sha256(Buffer.from("one")) } },
    };
    await expect(client.generate(changed as never)).rejects.toMatchObject({ issues: [{ field: "image" }] });
    const gone = { task: "image-to-image", prompt: "a", image: "/no/such.png" } as const;
    await expect(client.generate(gone)).rejects.toMatchObject({ issues: [{ field: "image" }] });
    const own = { ...gone, strength: 0.5 };
    await expect(client.generate(own)).rejects.toMatchObject({ code: "unsupported", issues: [{ field: "strength" }] });
  });

  it("keeps a bound on seeds beyond 2^53 too", async () => {
    const limits = { seed: { min: 0, max: 2 ** 32 - 1 } };
    const backend = testBackend({ capabilities: async () => ({ ...capabilities, limits }) });
    const wanted = createClient({ backend }).generate({ prompt: "a", seed: 2n ** 64n - 1n });
    await expect(wanted).rejects.toMatchObject({ code: "unsupported", issues: [{ field: "seed" }] });
  });

  it("says which task a field belongs to, and takes options that may be undefined", async () => {
    const client = createClient({ backend: testBackend(), timeoutMs: undefined });
    const signal = undefined as AbortSignal | undefined;
    await expect(client.generate({ prompt: "a", strength: 0.5 }, { signal })).rejects.toMatchObject({
      code: "invalid_request",
    });
    await expect(client.generate({ prompt: "a" }, null as never)).resolves.toBeDefined();
    expect(() => createClient({ backend: testBackend(), onUnsupported: "ignore" as never })).toThrow(/onUnsupported/);
  });

  it("refuses something that is no backend", () => {
    expect(() => createClient({ backend: {} as never })).toThrow(/local\(\)/);
  });
});
