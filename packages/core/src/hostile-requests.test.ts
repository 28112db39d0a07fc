import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Backend } from "./backend.ts";
import { type Capabilities, featureNames } from "./capabilities.ts";
import { createClient } from "./client.ts";
import { LatentKitError } from "./errors/latentkit-error.ts";
import { encodeImage } from "./image/codec.ts";
import type { Recipe } from "./recipe/recipe.ts";
import { allPrompts } from "./template/expand-prompt.ts";

const capabilities: Capabilities = {
  backend: "test",
  model: { id: "its-own" },
  tasks: ["text-to-image", "inpaint"],
  features: featureNames,
  conditioning: ["text"],
  samplers: "any",
  schedulers: "any",
  outputFormats: ["png"],
  limits: { width: { min: 8, max: 2048 }, height: { min: 8, max: 2048 } },
  resume: false,
};

function setUp(own: Partial<Capabilities> = {}) {
  const asked: (string | undefined)[] = [];
  const backend: Backend = {
    id: "test",
    async capabilities(model) {
      asked.push(model);
      return { ...capabilities, ...own };
    },
    async *generate() {
      yield { type: "image", index: 0, image: { kind: "pixels", width: 1, height: 1, channels: 3, base64: "AQID" } };
      yield { type: "completed" };
    },
    dispose: async () => {},
  };
  return { client: createClient({ backend }), asked };
}

const deep = (() => {
  let value: unknown = 1;
  for (let i = 0; i < 100_000; i++) value = [value];
  return value;
})();

describe("what a stranger sends", () => {
  it("is a fact of an error as far as that is readable, however deep or wide", () => {
    const wide = Array.from({ length: 1000 }, () => Array.from({ length: 1000 }, (_, i) => i));
    const { details } = new LatentKitError("test", "test", { details: { deep, wide, last: 1 } });
    expect(JSON.stringify(details).length).toBeLessThan(100_000);
  });

  it("is an item of a batch that fails, however deep; the others go on", async () => {
    const { client } = setUp();
    const requests = [{ prompt: "a", backendOptions: { test: { deep } } }, { prompt: "a" }] as never[];
    const items = [];
    for await (const { status, error } of client.batch(requests, { keepGoing: true }))
      items.push([status, (error as LatentKitError | undefined)?.code]);
    expect(items).toEqual([
      ["failed", "invalid_request"],
      ["done", undefined],
    ]);
  });

  it("is refused by the item where a manifest knows it by a number of pictures that no request has", async () => {
    const folder = await mkdtemp(join(tmpdir(), "latentkit-batch-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const manifest = join(folder, "m.jsonl");
    const known = { key: "a", index: 0, stem: join(folder, "00000-a") };
    const broken = { key: "b", index: 1, status: "done", files: null };
    const lines = [{ latentkit: "manifest", version: 1 }, known, broken].map((line) => `${JSON.stringify(line)}\n`);
    await writeFile(manifest, lines.join(""));
    const { client } = setUp();
    const requests = [
      { id: "a", request: { prompt: "a", count: 1e10 } },
      { id: "b", request: { prompt: "b" } },
    ];
    const items = [];
    for await (const { status } of client.batch(requests, { keepGoing: true, manifest, out: folder }))
      items.push(status);
    expect(items).toEqual(["failed", "skipped"]);
  });

  it("is a template of a bounded number of prompts, of which no more are made", () => {
    const many = `{${Array.from({ length: 1000 }, () => "{a|b}".repeat(16)).join("|")}}`;
    expect(() => allPrompts(many)).toThrow("more than 100000");
    expect(allPrompts("{a|{b|c}} {d|e}")).toHaveLength(6);
  });

  it("is at most a hundred conditionings", async () => {
    const { client } = setUp();
    const conditioning = Array.from({ length: 101 }, () => ({ kind: "text" as const, prompt: "a" }));
    await expect(client.generate({ prompt: "a", conditioning })).rejects.toThrow("conditioning: must have at most 100");
    await client.generate({ prompt: "a", conditioning: conditioning.slice(1) });
  });

  it("is no picture that grows to gigabytes", async () => {
    const image = await encodeImage({ width: 64, height: 64, channels: 3, data: new Uint8Array(64 * 64 * 3) }, "png");
    const borders = { left: 8192, right: 8192, top: 8192, bottom: 8192 };
    const request = { task: "outpaint" as const, prompt: "a", image, ...borders };
    const before = process.memoryUsage().rss;
    await expect(setUp().client.generate(request)).rejects.toMatchObject({ code: "unsupported" });
    for (const own of [{ limits: {} }, { limits: {}, tasks: ["outpaint" as const] }])
      await expect(setUp(own).client.generate(request)).rejects.toMatchObject({
        code: "invalid_request",
        issues: [{ field: "left", message: expect.stringContaining("16448×16448") }],
      });
    expect(process.memoryUsage().rss - before).toBeLessThan(500 * 2 ** 20);
    await setUp().client.generate({ ...request, left: 8, right: 8, top: 0, bottom: 0 });
  });
});

describe("a recipe from outside that is explained", () => {
  const recipe = (request: object) =>
    ({
      latentkit: "recipe",
      version: 1,
      backend: "test",
      versions: {},
      request: { prompt: "a", ...request },
    }) as Recipe;

  it("has no model looked for", async () => {
    const { client, asked } = setUp();
    await expect(client.explain(recipe({ model: "/etc/passwd" }))).rejects.toMatchObject({ code: "recipe" });
    await expect(client.explain(recipe({ loras: [{ model: "../../x" }] }))).rejects.toMatchObject({ code: "recipe" });
    expect(asked.filter((model) => model !== undefined)).toEqual([]);
    expect(await client.explain(recipe({ model: "/etc/passwd" }), { trust: { models: true } })).toMatchObject({
      fits: true,
    });
    expect(await client.explain(recipe({ count: 9, steps: 3 }))).toMatchObject({ fits: true });
  });
});
