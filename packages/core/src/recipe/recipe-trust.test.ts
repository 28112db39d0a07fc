import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backend, CallOptions } from "../backend.ts";
import { type Capabilities, featureNames } from "../capabilities.ts";
import { createClient } from "../client.ts";
import { encodeImage } from "../image/codec.ts";
import type { GenerationRequest } from "../request/request.ts";
import { isRecipe } from "./recipe.ts";

const limits = { width: { min: 8, max: 4096 }, height: { min: 8, max: 4096 } };
const capabilities: Capabilities = {
  backend: "test",
  model: { id: "its-own", hash: "sha256:1" },
  tasks: ["text-to-image", "image-to-image", "inpaint"],
  features: featureNames,
  conditioning: ["control"],
  samplers: "any",
  schedulers: "any",
  outputFormats: ["png"],
  limits,
  resume: false,
};

function setUp(changes: Partial<Backend> = {}) {
  const requests: GenerationRequest[] = [];
  const calls: CallOptions[] = [];
  const backend: Backend = {
    id: "test",
    capabilities: async () => capabilities,
    async *generate(request, options) {
      requests.push(request);
      calls.push(options);
      yield { type: "image", index: 0, image: { kind: "pixels", width: 1, height: 1, channels: 3, base64: "AQID" } };
      yield { type: "completed" };
    },
    dispose: async () => {},
    ...changes,
  };
  return { backend, client: createClient({ backend }), requests, calls };
}

const recipeOf = (request: object) => ({
  latentkit: "recipe" as const,
  version: 1 as const,
  backend: "test",
  versions: {},
  request: { task: "text-to-image", prompt: "a", ...request } as unknown as GenerationRequest,
});

let folder: string;
let secret: string;
let picture: Uint8Array;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-trust-"));
  secret = join(folder, "secret.png");
  picture = await encodeImage({ width: 8, height: 8, channels: 3, data: new Uint8Array(192) }, "png");
  await writeFile(secret, picture);
});
afterAll(() => rm(folder, { recursive: true }));

describe("a recipe from outside", () => {
  const i2i = (image: unknown) => ({ task: "image-to-image", image });
  const cases: [string, () => object, string][] = [
    ["a path", () => i2i({ path: secret }), "image"],
    ["a path as text", () => i2i(secret), "image"],
    ["a file URL", () => i2i(`file://${secret}`), "image"],
    ["a URL", () => i2i({ url: "http://169.254.169.254/" }), "image"],
    ["a mask's path", () => ({ task: "inpaint", image: { base64: "AAAA" }, mask: secret }), "mask"],
    ["a latent's path", () => ({ latent: { path: "/etc/passwd" } }), "latent"],
    ["a model", () => ({ model: "../../etc" }), "model"],
    ["a LoRA", () => ({ loras: [{ model: "https://evil.example/a.safetensors" }] }), "loras[0].model"],
    ["an embedding", () => ({ embeddings: [{ model: "/x" }] }), "embeddings[0].model"],
    [
      "a control's picture",
      () => ({ conditioning: [{ kind: "control", control: "canny", image: secret }] }),
      "conditioning[0].image",
    ],
    ["an upscale model", () => ({ hires: { upscaler: "/x.pth" } }), "hires.upscaler"],
    ["a webhook", () => ({ backendOptions: { test: { webhook: "https://evil.example" } } }), "backendOptions.test"],
    ["many pictures", () => ({ count: 50 }), "count"],
  ];

  it.each(cases)("may not name %s", async (_, request, field) => {
    const { client, requests } = setUp();
    const refused = client.generate(recipeOf(request()));
    await expect(refused).rejects.toMatchObject({ code: "recipe", details: { issues: [{ field }] } });
    expect(requests).toEqual([]);
  });

  it.each(cases)("may name %s where it is trusted, or by this process itself", async (_, request) => {
    const { client, requests } = setUp();
    const admitted = await client
      .generate(recipeOf(request()), { trust: true })
      .catch((error) => error as { code: string });
    if ("code" in admitted) return expect(admitted.code).not.toBe("recipe");
    const { recipe } = admitted;
    await client.generate(recipe);
    await client.generate({ ...recipe, request: { ...recipe.request, steps: 3 } });
    expect(requests).toHaveLength(3);
    expect(isRecipe(recipe)).toBe(true);
    await expect(client.generate(JSON.parse(JSON.stringify(recipe)))).rejects.toMatchObject({ code: "recipe" });
  });

  it("is told nothing of what lies on the disk", async () => {
    const { client } = setUp();
    const wrong = { path: secret, sha256: "0".repeat(64) };
    const messages = await Promise.all(
      [wrong, { path: secret }, { path: join(folder, "none.png") }].map((image) =>
        client.generate(recipeOf(i2i(image))).then(
          () => "",
          (error) => (error as Error).message.replace(/\([^)]*\)/, "(…)"),
        ),
      ),
    );
    expect(new Set(messages).size).toBe(1);
  });

  it("takes the caller's files in the places of those that it names, by field or by name", async () => {
    const { client, requests } = setUp();
    const recipe = recipeOf(i2i({ path: "C:\\pictures\\fox.png", sha256: "0".repeat(64) }));
    const { warnings } = await client.generate(recipe, { inputs: { image: picture } });
    expect(warnings).toMatchObject([{ code: "recipe_differs", field: "image" }]);
    await client.generate(recipe, { inputs: { "fox.png": secret } });
    expect(requests.map((request) => "image" in request && request.image)).toMatchObject([
      { base64: Buffer.from(picture).toString("base64") },
      { path: secret },
    ]);
    await expect(client.generate(recipe, { inputs: { mask: picture } })).rejects.toMatchObject({
      issues: [{ field: "inputs.mask", message: expect.stringContaining("it has image") }],
    });
    await expect(client.generate({ prompt: "a" }, { inputs: { image: picture } })).rejects.toThrow(
      /inputs: belong to a recipe/,
    );
  });

  it("may name the backend's own model, and a server's names", async () => {
    await setUp().client.generate(recipeOf({ model: "its-own" }));
    await setUp({ modelsAreNames: true }).client.generate(
      recipeOf({ model: "sd.safetensors", loras: [{ model: "a" }] }),
    );
  });

  it("is trusted by kinds and by names, for a client or for a call; a misspelt trust is none", async () => {
    const { backend } = setUp();
    const request = { model: "m", count: 8 };
    const trusting = createClient({ backend, trust: { models: ["m"], count: 8 } });
    await trusting.generate(recipeOf(request));
    await expect(trusting.generate(recipeOf({ ...request, count: 9 }))).rejects.toThrow(/count: is 9/);
    await expect(trusting.generate(recipeOf({ ...request, model: "n" }))).rejects.toThrow(/names a model \(n\)/);
    await expect(trusting.generate(recipeOf(request), { trust: false })).rejects.toMatchObject({ code: "recipe" });
    expect(() => createClient({ backend, trust: { model: true } as never })).toThrow(/trust\.model/);
  });

  it("cannot claim to be this process's own", async () => {
    const { client } = setUp();
    const { recipe } = await client.generate({ prompt: "a" });
    const forged = { ...recipe, request: { ...recipe.request, ...recipeOf(i2i({ path: secret })).request } };
    await expect(client.generate(forged)).rejects.toMatchObject({ code: "recipe" });
  });
});

describe("the limits of a client", () => {
  it("are of unfinished jobs too: one more is told that it is busy, before any work", async () => {
    const { promise: release, resolve } = Promise.withResolvers<void>();
    const { backend, requests } = setUp();
    const slow: Backend = { ...backend, capabilities: async () => release.then(() => capabilities) };
    const client = createClient({ backend: slow, maxJobs: 3 });
    const begun = [1, 2, 3].map((seed) => client.generate({ prompt: "a", seed }));
    await expect(client.generate({ prompt: "a" })).rejects.toMatchObject({ code: "busy", retryable: true });
    resolve();
    await Promise.all(begun);
    await client.generate({ prompt: "a" });
    expect(requests).toHaveLength(4);
    expect(() => createClient({ backend, maxJobs: 0 })).toThrow(/^maxJobs/);
  });

  it("reach the backend, and hold whatever it does", async () => {
    const { backend, calls } = setUp();
    const client = createClient({ backend, maxInputPixels: 32, inputs: { maxBytes: 1000, allowHosts: ["a.example"] } });
    await client.generate({ prompt: "a" });
    expect(calls[0]?.inputs).toEqual({ maxPixels: 32, maxBytes: 1000, allowHosts: ["a.example"] });
    const image = async (input: Uint8Array | string) =>
      client.generate({ task: "image-to-image", prompt: "a", image: input });
    await expect(image(picture)).rejects.toThrow(/image: the PNG file is 8×8/);
    await expect(image(secret)).rejects.toThrow(/image: .*secret.png: the PNG file is 8×8/);
    await expect(image(Buffer.from("<svg/>"))).rejects.toThrow(/image: this is an SVG file/);
    for (const inputs of [{ maxBytes: 0 }, { allowHost: ["a"] }, { allowHosts: "a" }, { timeoutMs: -1 }])
      expect(() => createClient({ backend, inputs: inputs as never })).toThrow(/^inputs\./);
    expect(() => createClient({ backend, maxInputPixels: 0 })).toThrow(/^maxInputPixels/);
  });
});
