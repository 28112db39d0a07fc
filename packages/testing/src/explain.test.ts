import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ConnectionError,
  createClient,
  fallback,
  fileHistory,
  memoryHistory,
  route,
  withLimits,
  withPrices,
  withRetry,
} from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { memoryBackend } from "./fakes/memory-backend.ts";

const request = { prompt: "a", width: 64, height: 64, seed: 3 } as const;

describe("client.explain", () => {
  it("says who can serve a request, and why others can't, without doing anything", async () => {
    const small = memoryBackend({ id: "small", sides: { min: 8, max: 32 } });
    const large = memoryBackend({ id: "large", usdPerImage: 0.02 });
    const gone = memoryBackend({ id: "gone" });
    gone.capabilities = () => Promise.reject(new ConnectionError("no answer"));
    const client = createClient({ backend: fallback([small, large, gone]) });
    const { fits, backends } = await client.explain({ ...request, count: 3, sampler: "Euler", steps: 12 });
    expect(fits).toBe(true);
    expect(backends.map(({ backend, fits }) => [backend, fits])).toEqual([
      ["small", false],
      ["large", true],
      ["gone", false],
    ]);
    expect(backends[0]?.issues.map(({ field }) => field)).toEqual(["width", "height"]);
    expect(backends[0]?.dropped.map(({ field }) => field)).toEqual(["width", "height"]);
    expect(backends[1]?.translated).toEqual([
      { field: "sampler", from: "Euler", to: "euler", message: "Euler is euler here" },
    ]);
    expect(backends[1]?.estimate).toEqual({ images: 3, steps: 12, usd: 0.06 });
    expect(backends[2]?.error).toMatchObject({ code: "connection", message: "no answer" });
    expect([small.begun, large.begun]).toEqual([0, 0]);
  });

  it("says what would be left out", async () => {
    const backend = memoryBackend();
    const { capabilities } = backend;
    backend.capabilities = async () => ({ ...(await capabilities()), features: ["seed", "steps"] });
    const client = createClient({ backend });
    const { backends, fits } = await client.explain({ ...request, negativePrompt: "n", previewEvery: 2 });
    expect(fits).toBe(false);
    expect(backends[0]).toMatchObject({ refuses: false, dropped: [{ field: "negativePrompt" }] });
    expect(backends[0]?.translated).toMatchObject([{ field: "previewEvery", from: 2, to: 0 }]);
    await expect(client.explain({ ...request, steps: -1 })).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("estimates from what jobs of the same model took, scaled to size and steps", async () => {
    const history = memoryHistory();
    const client = createClient({ backend: memoryBackend({ stepMs: 4 }), history });
    expect((await client.explain(request)).backends[0]?.estimate.ms).toBeUndefined();
    await client.generate({ ...request, steps: 10 });
    const [entry] = await history.entries();
    expect(entry).toMatchObject({
      backend: "memory",
      model: "sha256:stripes",
      width: 64,
      height: 64,
      steps: 10,
      count: 1,
    });
    Object.assign(entry!, { sampleMs: 1000, otherMs: 100 });
    const estimate = async (more: object) => (await client.explain({ ...request, ...more })).backends[0]?.estimate;
    expect(await estimate({})).toEqual({ images: 1, steps: 10, ms: 1100, basedOn: 1 });
    expect(await estimate({ steps: 20, count: 2 })).toMatchObject({ ms: 4200 });
    expect(await estimate({ width: 128 })).toMatchObject({ ms: 2200 });
  });

  it("tells prices that the composition or the configuration knows, the model's own settings, and planned memory", async () => {
    const [table, member] = [memoryBackend({ id: "table" }), memoryBackend({ id: "member" })];
    const local = memoryBackend({ id: "local" });
    const { capabilities } = local;
    const memory = { baseBytes: 1e6, bytesPerPixel: 1000, mostBytes: 5e6 };
    local.capabilities = async () => ({ ...(await capabilities()), memory });
    const parts = {
      a: withRetry(withPrices(table, { stripes: 0.02 })),
      b: { backend: member, usdPerImage: 0.5 },
      local,
    };
    const client = createClient({ backend: withLimits(route(parts), { concurrency: 2 }) });
    const { backends } = await client.explain({ prompt: "a", count: 2 });
    expect(backends.map(({ backend, estimate }) => [backend, estimate])).toEqual([
      ["table", { images: 2, steps: 4, usd: 0.04 }],
      ["member", { images: 2, steps: 4, usd: 1 }],
      ["local", { images: 2, steps: 4, memoryBytes: 1e6 + 256e3 }],
    ]);
    const large = await client.explain({ ...request });
    expect(large.backends[2]?.estimate.memoryBytes).toBe(5e6);
  });

  it("keeps its history in a file, and passes over what is damaged in it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "latentkit-history-"));
    const path = join(folder, "deep", "history.jsonl");
    const client = createClient({ backend: memoryBackend(), history: fileHistory(path) });
    await client.generate({ ...request, steps: 4 });
    const history = fileHistory(path);
    while ((await history.entries()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const later = createClient({ backend: memoryBackend(), history });
    expect((await later.explain(request)).backends[0]?.estimate).toMatchObject({ steps: 4, basedOn: 1 });
    await writeFile(path, "garbage\n{}\n");
    expect(await history.entries()).toEqual([]);
    const nowhere = createClient({ backend: memoryBackend(), history: fileHistory(join(path, "x")) });
    expect((await nowhere.generate(request)).images).toHaveLength(1);
    await rm(folder, { recursive: true });
  });
});
