import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type GenerationResult, type JobEvent } from "@latentkit/core";
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { local } from "../local.ts";
import type { LocalOptions } from "../local-options.ts";
import { type FakeGpu, fakeGpuRuntime } from "../testing/fake-gpu.ts";
import { difference } from "../testing/single-file.ts";
import { fixtureModel, temporaryFolder } from "../testing/test-model.ts";

const request = { prompt: "a red apple", width: 32, height: 32, steps: 2, seed: 3 };

// Two or three processes each, on a machine that may be busy.
vi.setConfig({ testTimeout: 300_000 });

// A device is tried once for all of them.
let onnxruntime: string;
let cache: string;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "latentkit-fallback-"));
  [onnxruntime, cache] = [await fakeGpuRuntime(folder), join(folder, "cache")];
  return () => rm(folder, { recursive: true });
});
beforeEach(() => {
  vi.stubEnv("XDG_CACHE_HOME", cache);
  // A sign that there is a card.
  vi.stubEnv("VK_DRIVER_FILES", "/nowhere/fake.json");
});
afterEach(() => void vi.unstubAllEnvs());

function clientOf(options: LocalOptions, gpu: FakeGpu = "well") {
  vi.stubEnv("FAKE_GPU", gpu);
  // But for one that does not survive it.
  if (gpu === "wild") vi.stubEnv("XDG_CACHE_HOME", join(cache, "wild", randomUUID()));
  const client = createClient({ backend: local({ model: fixtureModel("sd1"), threads: 1, onnxruntime, ...options }) });
  onTestFinished(() => client.dispose());
  return client;
}

async function drawn(result: GenerationResult): Promise<Uint8Array> {
  return (await result.images[0]!.pixels()).data;
}

/** What is said of devices: the model has something to say of its size too. */
const ofDevices = ({ warnings }: GenerationResult) => warnings.filter(({ code }) => code.endsWith("_fallback"));

let byCpu: Promise<Uint8Array> | undefined;
const onCpu = () => (byCpu ??= clientOf({ device: "cpu" }).generate(request).then(drawn));

test("a GPU that works and is faster is taken, and the event and the recipe say so", async () => {
  const job = clientOf({ device: "auto" }).generate(request);
  const events: JobEvent[] = [];
  for await (const event of job) events.push(event);
  const device = { name: "webgpu", precision: "float32", reason: expect.stringMatching(/GFLOP\/s, the CPU/) };
  expect(events.find(({ type }) => type === "started")).toMatchObject({ device });
  const result = await job;
  expect(result.recipe.device).toMatchObject(device);
  expect(result.images[0]!.recipe.device).toMatchObject(device);
  expect(ofDevices(result)).toEqual([]);
  expect(difference(await drawn(result), await onCpu()).max).toBeLessThanOrEqual(1);
});

describe('under "auto" the CPU makes the picture, with a warning', () => {
  test.each([
    ["lost", "the device is lost in the middle of a run", /device lost: the driver was reset/],
    ["crash", "the driver ends the engine", /SIGSEGV/],
    ["full", "the card has not enough memory", /not enough memory/],
    ["wild", "trying the device ends the process that tries", /ended the process that tried.*SIGSEGV/],
  ] as const)("%s: %s", async (gpu, _, why) => {
    const result = await clientOf({ device: "auto" }, gpu).generate(request);
    expect(ofDevices(result)).toEqual([
      { type: "warning", code: "device_fallback", field: "device", message: expect.stringMatching(why) },
    ]);
    expect(result.recipe.device).toMatchObject({ name: "cpu", precision: "float32" });
    expect(await drawn(result)).toEqual(await onCpu());
  });

  test("and the next request finds the device well again", async () => {
    const client = clientOf({ device: "auto" }, "lost");
    await client.generate(request);
    vi.stubEnv("FAKE_GPU", "well");
    const again = await client.generate(request);
    expect(again.recipe.device?.name).toBe("webgpu");
    expect(ofDevices(again)).toEqual([]);
  });
});

describe("a device that was asked for by name fails the job", () => {
  test.each([
    ["lost", { code: "engine", message: expect.stringMatching(/GPU \(webgpu\) failed in a run.*device lost/) }],
    ["crash", { code: "engine", message: expect.stringContaining("SIGSEGV") }],
    [
      "full",
      { code: "out_of_memory", message: expect.stringMatching(/GPU \(webgpu\).*68719476736.*16×16 takes a quarter/) },
    ],
    ["wild", { code: "config", details: { field: "device" }, message: expect.stringContaining("cannot be used here") }],
  ] as const)("%s", async (gpu, error) => {
    await expect(clientOf({ device: "webgpu" }, gpu).generate(request)).rejects.toMatchObject(error);
  });
});

describe("CUDA computes in float16", () => {
  const half = (gpu: FakeGpu, options: LocalOptions = {}) =>
    clientOf({ device: "cuda", ...options }, gpu).generate(request);

  test("where nothing else was asked for", async () => {
    const { recipe } = await half("well");
    expect(recipe.device).toMatchObject({ name: "cuda", precision: "float16" });
    expect((await half("well", { precision: "float32" })).recipe.device).toMatchObject({ precision: "float32" });
  });

  test("and what overflows it is done anew in float32, unless float16 was asked for", async () => {
    const result = await half("nan");
    expect(result.recipe.device).toMatchObject({ name: "cuda", precision: "float32" });
    const message = expect.stringMatching(/no numbers.*on the GPU \(cuda\), in float16/);
    expect(ofDevices(result)).toEqual([{ type: "warning", code: "precision_fallback", field: "precision", message }]);
    expect(difference(await drawn(result), await onCpu()).max).toBeLessThanOrEqual(1);
    await expect(half("nan", { precision: "float16" })).rejects.toMatchObject({ code: "generation", message });
  });
});

test.each([
  [{ device: "gpu" }, /device: must be "auto", "cpu".*"cuda:1"/],
  [{ device: "cuda:first" }, /device: must be/],
  [{ device: "cuda", executionProvider: "cpu" }, /give one of them/],
  [{ precision: "half" }, /precision/],
])("%o is refused", (options, message) => {
  expect(() => local(options as LocalOptions)).toThrow(message);
});

test("an onnxruntime that is none, or of another release, is refused by its folder", async () => {
  const wrong = clientOf({ onnxruntime: await temporaryFolder() });
  await expect(wrong.generate(request)).rejects.toMatchObject({ code: "config", details: { field: "onnxruntime" } });
});

test("a precision that the device lacks is refused", async () => {
  const asked = clientOf({ device: "cpu", precision: "float16" }).generate(request);
  await expect(asked).rejects.toMatchObject({ code: "config", details: { field: "precision" } });
});
