import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type GenerationEvent, type GenerationInput, ModelError } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { copyModel, fixtureModel, hubCache } from "../testing/test-model.ts";

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ model: fixtureModel("sd1"), threads: 1 });
});
afterAll(() => backend.dispose());

const request = { prompt: "a red apple", seed: 5, steps: 3 } satisfies GenerationInput;

async function bytesOf(changes: Partial<GenerationInput> = {}): Promise<Uint8Array> {
  const { images } = await createClient({ backend }).generate({ ...request, ...changes } as GenerationInput);
  return (await images[0]!.pixels()).data;
}

async function eventsOf(changes: Partial<GenerationInput>): Promise<GenerationEvent[]> {
  return Array.fromAsync(createClient({ backend }).generate({ ...request, ...changes } as GenerationInput));
}

test("a snapshot in a Hugging Face cache gives the same picture", async () => {
  expect(await bytesOf({ model: await hubCache("sd1") })).toEqual(await bytesOf());
});

test("a folder that cannot be written to works", async () => {
  const folder = await copyModel("sd1");
  for (const part of ["", "unet", "vae", "text_encoder", "tokenizer", "scheduler"])
    await chmod(join(folder, part), 0o555);
  expect(await bytesOf({ model: folder })).toEqual(await bytesOf());
  for (const part of ["unet", "vae", "text_encoder", "tokenizer", "scheduler", ""])
    await chmod(join(folder, part), 0o755);
});

test("a model that changes on disk is read anew", async () => {
  const folder = await copyModel("sd1");
  const before = await bytesOf({ model: folder });
  const file = join(folder, "scheduler/scheduler_config.json");
  const scheduler = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...scheduler, prediction_type: "v_prediction" }));
  expect(await bytesOf({ model: folder })).not.toEqual(before);
});

test("a folder that is no model fails the job, and the next job runs", async () => {
  const error = await createClient({ backend })
    .generate({ ...request, model: "/no/such/model" })
    .catch((reason) => reason);
  expect(ModelError.isInstance(error)).toBe(true);
  expect(await bytesOf()).toHaveLength(64 * 64 * 3);
});

test("weights that do not fit the configs are told before anything begins", async () => {
  const config = JSON.parse(await readFile(join(fixtureModel("sd1"), "vae/config.json"), "utf8"));
  const model = await copyModel("sd1", { "vae/config.json": { ...config, layers_per_block: 3 } });
  const job = createClient({ backend }).generate({ ...request, model });
  const types: string[] = [];
  job.on("event", ({ type }) => types.push(type));
  await expect(job).rejects.toMatchObject({ code: "model", details: { problem: "missing" } });
  expect(types).toEqual(["queued"]);
});

test("what the request leaves open is told as it was decided", async () => {
  const [started] = (await eventsOf({})).filter((event) => event.type === "started");
  expect(started).toMatchObject({
    resolved: { width: 64, height: 64, seed: 5, steps: 3, guidanceScale: 7.5, sampler: "ddim", scheduler: "diffusers" },
    model: { id: "sd1", hash: expect.stringMatching(/^sha256:/) },
    versions: { "onnxruntime-node": expect.stringMatching(/^\d/) },
  });
});

test("progress goes through load, encode, sample and decode, and the timings name them", async () => {
  const events = await eventsOf({ count: 2 });
  const phases = events.flatMap((event) => (event.type === "progress" ? [`${event.phase}${event.index ?? ""}`] : []));
  expect([...new Set(phases)]).toEqual(["load", "encode", "sample0", "decode0", "sample1", "decode1"]);
  const types = events.map(({ type }) => type);
  expect(types.slice(0, 2)).toEqual(["queued", "started"]);
  expect(types.at(-1)).toBe("completed");
  const firstImage = types.indexOf("image");
  expect(
    events.slice(firstImage).some((event) => event.type === "progress" && event.phase === "sample"),
    "an image comes as soon as it is done",
  ).toBe(true);
  const { timings } = events.at(-1) as { timings: Record<string, number> };
  expect(Object.keys(timings).sort()).toEqual(["decodeMs", "encodeMs", "engineRunMs", "loadMs", "sampleMs"]);
});

test("a sampler or scheduler of the request goes before the model's own", async () => {
  const own = await bytesOf();
  expect(await bytesOf({ sampler: "ddim", scheduler: "diffusers" })).toEqual(own);
  expect(await bytesOf({ sampler: "euler" })).not.toEqual(own);
  expect(await bytesOf({ scheduler: "karras" })).not.toEqual(own);
  await expect(bytesOf({ sampler: "euler", scheduler: "diffusers" })).rejects.toMatchObject({
    code: "invalid_request",
    issues: [{ field: "scheduler" }],
  });
});

test("levels of one's own take the scheduler's place", async () => {
  const timesteps = [801, 401, 1];
  expect(await bytesOf({ timesteps })).not.toEqual(await bytesOf());
  expect(await bytesOf({ timesteps })).not.toEqual(await bytesOf({ timesteps: [901, 401, 1] }));
  expect(await bytesOf({ sampler: "euler", sigmas: [14, 3, 1, 0] })).toHaveLength(64 * 64 * 3);
  const { recipe } = await createClient({ backend }).generate({ ...request, timesteps });
  expect(recipe.request).toMatchObject({ steps: 3, timesteps });
});

test("every sampler and every scheduler makes a picture", async () => {
  const { samplers, schedulers } = await backend.capabilities();
  for (const sampler of samplers as string[]) {
    const changes = sampler.endsWith("_cfg_pp") ? { guidanceScale: 0.6 } : {};
    expect(await bytesOf({ sampler, ...changes }), sampler).toHaveLength(64 * 64 * 3);
  }
  for (const scheduler of schedulers as string[]) {
    expect(await bytesOf({ scheduler, steps: 10 }), scheduler).toHaveLength(64 * 64 * 3);
  }
});

describe("guidance", () => {
  const own = { guidanceScale: 5, steps: 4 };
  const acts: GenerationInput["guidance"][] = [
    { rescale: 0.7 },
    { start: 0.5 },
    { end: 0.5 },
    { scales: [5, 4, 3, 2] },
    { mode: "apg", apgEta: 0 },
    { mode: "cfg-zero-star" },
  ];
  test.each(acts)("%j acts", async (guidance) => {
    expect(await bytesOf({ ...own, guidance })).not.toEqual(await bytesOf(own));
  });

  test("what says the same is the same", async () => {
    expect(await bytesOf({ ...own, guidance: { scales: [5, 5, 5, 5] } })).toEqual(await bytesOf(own));
    const off = await bytesOf({ ...own, guidanceScale: 1 });
    const nearly = await bytesOf({ ...own, guidance: { start: 1, end: 1 } });
    const apart = off.reduce((most, value, i) => Math.max(most, Math.abs(value - nearly[i]!)), 0);
    expect(apart).toBeLessThanOrEqual(1);
  });

  test.each([
    [{ guidance: { mode: "cfg++" } }, "guidance.mode"],
    [{ guidance: { mode: "apg" }, sampler: "euler_cfg_pp" }, "guidance.mode"],
    [{ guidance: { pagScale: 3, pagLayers: ["middle"] } }, "guidance.pagLayers[0]"],
    [{ guidance: { scales: [5] }, steps: 4 }, "guidance.scales"],
  ] as [Partial<GenerationInput>, string][])("%j is refused", async (changes, field) => {
    await expect(bytesOf(changes)).rejects.toMatchObject({ code: "invalid_request", issues: [{ field }] });
  });
});

test("options of sampler and scheduler act, and unknown ones are refused", async () => {
  const ancestral = { sampler: "euler_ancestral", scheduler: "karras" };
  expect(await bytesOf({ ...ancestral, samplerOptions: { eta: 0.2 } })).not.toEqual(await bytesOf(ancestral));
  expect(await bytesOf({ ...ancestral, schedulerOptions: { rho: 3 } })).not.toEqual(await bytesOf(ancestral));
  for (const [changes, field] of [
    [{ samplerOptions: { etta: 1 } }, "samplerOptions.etta"],
    [{ scheduler: "karras", schedulerOptions: { rhoo: 1 } }, "schedulerOptions.rhoo"],
    [{ schedulerOptions: { rho: 1 } }, "schedulerOptions"],
  ] as const) {
    await expect(bytesOf(changes)).rejects.toMatchObject({ code: "invalid_request", issues: [{ field }] });
  }
});

test("the noise of other tools is another picture, of the same seed the same", async () => {
  const nv = { noise: { source: "nv" } } as const;
  expect(await bytesOf(nv)).not.toEqual(await bytesOf());
  expect(await bytesOf(nv)).toEqual(await bytesOf(nv));
  const varied = { noise: { convention: "a1111", subseed: 9, subseedStrength: 0.3 } } as const;
  expect(await bytesOf(varied)).not.toEqual(await bytesOf());
});

test("the negative prompt acts, but not without guidance; clip skip acts", async () => {
  expect(await bytesOf({ negativePrompt: "blurry" })).not.toEqual(await bytesOf());
  expect(await bytesOf({ negativePrompt: "blurry", guidanceScale: 1 })).toEqual(await bytesOf({ guidanceScale: 1 }));
  expect(await bytesOf({ clipSkip: 2 })).not.toEqual(await bytesOf({ clipSkip: 1 }));
  await expect(bytesOf({ clipSkip: 3 })).rejects.toMatchObject({
    issues: [{ field: "clipSkip", allowed: { max: 2 } }],
  });
});

test("a prompt that is too long is cut with a warning that says what is missing", async () => {
  const prompt = `${"apple ".repeat(75)}on a blue background`;
  const warnings = (await eventsOf({ prompt, steps: 1 })).filter((event) => event.type === "warning");
  expect(warnings).toMatchObject([
    { code: "prompt_truncated", field: "prompt", message: expect.stringContaining("on a blue background") },
  ]);
});

test("sizes that the model cannot make are refused by the field", async () => {
  for (const size of [{ width: 68 }, { height: 8 }, { width: 4104 }]) {
    const [field] = Object.keys(size);
    await expect(bytesOf(size)).rejects.toMatchObject({ code: "unsupported", issues: [{ field }] });
  }
});

test("a VAE's shift is not applied, as diffusers' pipelines of this family apply none", async () => {
  const config = JSON.parse(await readFile(join(fixtureModel("sd1"), "vae/config.json"), "utf8"));
  const model = await copyModel("sd1", { "vae/config.json": { ...config, shift_factor: 0.5 } });
  expect(await bytesOf({ model })).toEqual(await bytesOf());
});

test("an odd number of latents works", async () => {
  expect(await bytesOf({ width: 72, height: 40 })).toHaveLength(72 * 40 * 3);
});

test("an execution provider that this build lacks is refused with those that it has", async () => {
  const other = local({
    model: fixtureModel("sd1"),
    executionProvider: process.platform === "darwin" ? "directml" : "coreml",
  });
  const error = await createClient({ backend: other })
    .generate(request)
    .catch((reason) => reason);
  expect(error).toMatchObject({ code: "config", details: { available: expect.arrayContaining(["cpu"]) } });
  await other.dispose();
});

test("an execution provider without its device or library says so", async (context) => {
  const other = local({ model: fixtureModel("sd1"), executionProvider: "cuda", threads: 1 });
  const error = await createClient({ backend: other })
    .generate(request)
    .catch((reason) => reason);
  await other.dispose();
  if (!(error instanceof Error)) return context.skip("this machine has CUDA");
  expect(error).toMatchObject({ code: "config", details: { field: "executionProvider" } });
});
