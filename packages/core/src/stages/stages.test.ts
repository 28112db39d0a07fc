import { describe, expect, it } from "vitest";
import type { Backend } from "../backend.ts";
import type { Capabilities } from "../capabilities.ts";
import { createClient } from "../client.ts";
import type { GenerationEvent } from "../events.ts";
import { decodeImage, encodeImage, type Pixels } from "../image/codec.ts";
import { toPayload } from "../image/payload-pixels.ts";
import { parseRequest } from "../request/parse-request.ts";
import type { GenerationRequest, RequestOf } from "../request/request.ts";
import { stretchesOver, weightOf } from "./tile-stretches.ts";

function flat(width: number, height: number, value: number): Pixels {
  return { width, height, channels: 3, data: new Uint8Array(3 * width * height).fill(value) };
}

/** A backend that adds a stage's strength, in tenths, to what it is given; 100 where it is given nothing. */
function adder(changes: Partial<Capabilities> = {}, fails?: (request: GenerationRequest) => boolean) {
  const requests: GenerationRequest[] = [];
  const backend: Backend = {
    id: "adder",
    capabilities: async (model) => ({
      backend: "adder",
      tasks: model === "x2" ? ["upscale"] : ["text-to-image", "image-to-image", "inpaint"],
      features: ["strength", "seed", "steps", "previewEvery", "sampler", "scheduler", "hires", "guidanceScale"],
      conditioning: ["control"],
      samplers: "any",
      schedulers: "any",
      outputFormats: ["png"],
      limits: { width: { min: 8, max: 512, multipleOf: 8 }, height: { min: 8, max: 512, multipleOf: 8 } },
      defaults: model === "x2" ? { scale: 2 } : { width: 32, height: 32, steps: 12 },
      resume: true,
      ...changes,
    }),
    async *generate(request): AsyncGenerator<GenerationEvent> {
      requests.push(request);
      yield { type: "queued", handle: { call: requests.length } };
      const given = "image" in request && request.image !== undefined ? await pixelsOf(request.image) : undefined;
      const { count, steps = 12, seed = 0 } = request;
      const times = request.task === "upscale" ? request.scale : 1;
      const width = (request.width ?? given?.width ?? 32) * times;
      const height = (request.height ?? given?.height ?? 32) * times;
      yield { type: "started", resolved: { width, height, steps, sampler: "euler" }, model: { id: "m" } };
      if (fails?.(request)) throw new Error("it failed");
      for (let index = 0; index < count; index++) {
        yield { type: "progress", phase: "sample", step: 1, steps: 1, index, fraction: (index + 1) / count };
        const strength = "strength" in request ? request.strength : 0;
        const value = (given?.data[0] ?? 100) + Math.round(10 * strength) + index;
        yield { type: "image", index, seed: Number(seed) + index, image: toPayload(flat(width, height, value)) };
      }
      yield { type: "completed", timings: { sampleMs: 2 }, metrics: { costUsd: 0.5 } };
    },
    async *resume({ request }, options) {
      yield* this.generate(request, options);
    },
    dispose: async () => {},
  };
  return { client: createClient({ backend }), requests };
}

async function pixelsOf(source: object): Promise<Pixels> {
  return decodeImage(Buffer.from((source as { base64: string }).base64, "base64"));
}
const input = async (width: number, height: number, value: number) => encodeImage(flat(width, height, value), "png");

describe("refine", () => {
  const refine = [
    { strength: 0.5, steps: 6, prompt: "closer" },
    { strength: 0.2, sampler: "heun" },
  ];

  it("goes on with each picture, stage by stage, and all of it stands in the recipe", async () => {
    const { client, requests } = adder();
    const job = client.generate({ prompt: "a", seed: 7, steps: 9, count: 2, refine, hires: { scale: 2 } });
    const fractions: number[] = [];
    job.on("progress", ({ fraction }) => fractions.push(fraction!));
    const { images, recipe, timings, metrics } = await job;
    expect(requests.map(({ task, seed, steps, count }) => ({ task, seed, steps, count }))).toEqual([
      { task: "text-to-image", seed: 7, steps: 9, count: 2 },
      { task: "image-to-image", seed: 8, steps: 6, count: 1 },
      { task: "image-to-image", seed: 9, steps: 6, count: 1 },
      { task: "image-to-image", seed: 9, steps: 9, count: 1 },
      { task: "image-to-image", seed: 10, steps: 9, count: 1 },
    ]);
    expect(requests[1]).toMatchObject({ prompt: "closer", strength: 0.5, sampler: "euler" });
    expect(requests[3]).toMatchObject({ prompt: "a", strength: 0.2, sampler: "heun" });
    expect(requests[1]).not.toHaveProperty("hires");
    expect(await Promise.all(images.map(async (image) => (await image.pixels()).data[0]))).toEqual([107, 108]);
    const recorded = [{ ...refine[0] }, { ...refine[1], steps: 9 }];
    expect(recipe.request).toMatchObject({ task: "text-to-image", refine: recorded, sampler: "euler", count: 2 });
    expect(images[1]!.recipe!.request).toMatchObject({ seed: 8, count: 1, refine: recorded });
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    expect(timings.sampleMs).toBe(10);
    expect(metrics).toEqual({ costUsd: 2.5 });
    const alone = await client.generate(images[1]!.recipe!);
    expect(requests.at(-1)).toMatchObject({ seed: 10 });
    expect(alone.images[0]!.seed).toBe(8);
  });

  it("paints a box of a picture that is given, at the model's size, and leaves the rest as it was", async () => {
    const { client, requests } = adder();
    const image = await input(40, 24, 50);
    const box = { left: 4, top: 4, width: 8, height: 8 };
    const { images, recipe } = await client.generate({
      prompt: "a face",
      image,
      strength: 0,
      refine: [{ strength: 1, box, maskPadding: 2 }],
    });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ task: "inpaint", width: 32, height: 32, strength: 1 });
    const { width, height, data } = await images[0]!.pixels();
    expect([width, height]).toEqual([40, 24]);
    const painted = [...Array(40 * 24).keys()].filter((i) => data[3 * i] === 60);
    expect(painted).toHaveLength(64);
    expect(painted[0]).toBe(4 * 40 + 4);
    expect(data.filter((value) => value === 50)).toHaveLength(3 * (40 * 24 - 64));
    expect(recipe.request).toMatchObject({ task: "image-to-image", strength: 0, refine: [{ box, steps: 12 }] });
  });

  it("acts in an inpaint where that paints, and pads what the model cannot make", async () => {
    const { client, requests } = adder();
    const half = flat(32, 24, 0);
    half.data.fill(255, 0, 32 * 12 * 3);
    const inpaint = { task: "inpaint", image: await input(32, 24, 50), mask: await encodeImage(half, "png") } as const;
    const painted = await client.generate({ ...inpaint, prompt: "a", strength: 0.5, refine: [{ strength: 0.3 }] });
    expect(requests.map(({ task }) => task)).toEqual(["inpaint", "inpaint"]);
    const { data: both } = await painted.images[0]!.pixels();
    expect([both[0], both.at(-1)]).toEqual([58, 50]);
    const out = await client.generate({
      task: "outpaint",
      prompt: "a",
      image: await input(20, 24, 50),
      right: 13,
      feather: 0,
      refine: [{ strength: 0.3 }],
    });
    const { width, height, data } = await out.images[0]!.pixels();
    expect([width, height]).toEqual([33, 24]);
    expect([data[0], data[3 * 32]]).toEqual([50, 53]);
    expect(requests.at(-1)).toMatchObject({ task: "inpaint", width: 40, height: 24 });
  });

  it("tells of one picture that failed, and goes on with the others; of one alone it is the error", async () => {
    const { client } = adder({}, ({ seed, task }) => task === "image-to-image" && seed === 1);
    const { images, failures } = await client.generate({ prompt: "a", seed: 0, count: 2, refine: [{}] });
    expect(images.map(({ index }) => index)).toEqual([1]);
    expect(failures).toMatchObject([{ index: 0 }]);
    await expect(client.generate({ prompt: "a", seed: 0, refine: [{}] })).rejects.toThrow(/it failed/);
  });

  it("is on in a job that is resumed", async () => {
    const { client, requests } = adder();
    const job = client.generate({ prompt: "a", seed: 3, refine: [{ strength: 1 }] });
    await job;
    expect(job.handle?.data).toEqual({ call: 1 });
    const { images } = await client.resume(JSON.parse(JSON.stringify(job.handle)));
    expect((await images[0]!.pixels()).data[0]).toBe(110);
    expect(requests).toHaveLength(4);
  });

  it.each([
    [{ refine: [{ strength: 2 }] }, "refine[0].strength"],
    [{ refine: [{ maskBlur: 3 }] }, "refine[0].maskBlur"],
    [{ refine: [{ box: { left: 90, top: 0, width: 4, height: 4 } }] }, "refine[0].box"],
    [{ refine: [{}], output: { latent: true } }, "output.latent"],
  ])("%j is refused by its field", async (fields, field) => {
    const job = adder().client.generate({ prompt: "a", ...fields } as never);
    await expect(job).rejects.toMatchObject({ issues: [{ field }] });
  });

  it("is refused where there is no such task", async () => {
    const { client } = adder({ tasks: ["text-to-image"] });
    await expect(client.generate({ prompt: "a", refine: [{}] })).rejects.toMatchObject({
      issues: [{ field: "refine[0]", message: expect.stringContaining("image-to-image") }],
    });
  });
});

describe("redraw", () => {
  it("enlarges, draws each tile anew with what steers cut as it is, and blends them", async () => {
    const { client, requests } = adder();
    const image = await input(30, 20, 50);
    const conditioning = [{ kind: "control", control: "tile", image } as const];
    const job = client.generate({
      task: "upscale",
      prompt: "sharp",
      seed: 5,
      image,
      scale: 2,
      redraw: { strength: 0.4, steps: 6, tileOverlap: 8 },
      conditioning,
      previewEvery: 1,
    });
    let previews = 0;
    job.on("preview", () => previews++);
    const { images, recipe } = await job;
    expect(requests).toHaveLength(6);
    expect(requests.map(({ seed }) => seed)).toEqual([5, 6, 7, 8, 9, 10]);
    expect(requests[0]).toMatchObject({ task: "image-to-image", width: 32, height: 32, strength: 0.4, steps: 6 });
    const first = (requests[0] as RequestOf<"image-to-image">).conditioning[0] as { image: object };
    expect(await pixelsOf(first.image)).toMatchObject({ width: 32, height: 32 });
    const { width, height, data } = await images[0]!.pixels();
    expect([width, height]).toEqual([60, 40]);
    expect([...new Set(data)]).toEqual([54]);
    expect(previews).toBe(6);
    expect(recipe.request).toMatchObject({
      task: "upscale",
      width: 60,
      height: 40,
      redraw: { tileSize: 32, steps: 6 },
    });
    const again = await client.generate(recipe, { inputs: [image] });
    expect(again.images).toHaveLength(1);
    await expect(client.generate({ task: "upscale", image, redraw: {}, width: 100 })).rejects.toMatchObject({
      issues: [{ field: "width" }],
    });
    await expect(
      client.generate({ task: "upscale", image: await input(2000, 2000, 1), scale: 8, redraw: {} }),
    ).rejects.toMatchObject({
      issues: [{ field: "scale" }],
    });
  });

  it("lets another model enlarge first", async () => {
    const { client, requests } = adder();
    const upscale = { task: "upscale", image: await input(16, 16, 50), scale: 2, redraw: { upscaler: "x2" } } as const;
    await client.generate(upscale);
    expect(requests[0]).toMatchObject({ task: "upscale", model: "x2", scale: 2 });
    expect(requests[1]).toMatchObject({ task: "image-to-image", width: 32, prompt: "" });
  });

  it("is for models that don't enlarge by themselves", async () => {
    const image = await input(16, 16, 50);
    const own = adder().client.generate({ task: "upscale", model: "x2", image, redraw: {} });
    await expect(own).rejects.toMatchObject({ issues: [{ field: "redraw" }] });
    await expect(adder().client.generate({ task: "upscale", image })).rejects.toMatchObject({
      issues: [{ field: "task" }],
    });
  });

  it.each([
    [100, 32, 8, 8],
    [33, 32, 0, 1],
    [64, 32, 16, 8],
    [20, 32, 8, 8],
  ])("stretches over %i by %i", (side, length, overlap, multipleOf) => {
    const all = stretchesOver(side, length, overlap, multipleOf);
    for (let at = 0; at < side; at++) {
      const sum = all
        .filter(({ from, length: own }) => at >= from && at < from + own)
        .reduce((total, each) => total + weightOf(each, at), 0);
      expect(sum).toBeGreaterThan(0);
    }
    for (const [i, { from }] of all.entries())
      if (i > 0) expect(all[i - 1]!.from + length - from).toBeGreaterThanOrEqual(overlap);
  });
});

describe("draft and final", () => {
  it("draws in fewer steps, and the picture of it with all of them", async () => {
    const { client, requests } = adder();
    const { images } = await client.generate({ prompt: "a", seed: 4, count: 3, steps: 30, draft: {} });
    expect(requests[0]).toMatchObject({ steps: 10, count: 3 });
    expect(images[1]!.recipe!.request).toMatchObject({ steps: 30, seed: 5, draft: { steps: 10, scale: 1 } });
    const { recipe } = await client.final(images[1]!);
    expect(requests[1]).toMatchObject({ steps: 30, seed: 5, count: 1 });
    expect(recipe.request).not.toHaveProperty("draft");
  });

  it("draws smaller, and goes on from that at the whole size", async () => {
    const { client, requests } = adder();
    const refine = [{ strength: 0.1 }];
    const request = { prompt: "a", seed: 4, width: 64, height: 32, draft: { scale: 0.5, steps: 5 }, refine };
    const { images } = await client.generate(request);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ steps: 5, width: 32, height: 16 });
    const { recipe } = images[0]!;
    expect(recipe!.request).toMatchObject({ width: 64, height: 32, steps: 12, refine });
    await client.final(JSON.parse(JSON.stringify(recipe)), { strength: 0.7 });
    expect(requests[1]).toMatchObject({
      steps: 5,
      width: 32,
      height: 16,
      hires: { scale: 2, strength: 0.7, steps: 12 },
    });
    expect(requests[2]).toMatchObject({ task: "image-to-image", strength: 0.1 });
  });

  it("is refused at a smaller size where there is no second pass to make its picture, before anything is drawn", async () => {
    const { client, requests } = adder({ features: ["seed", "steps"] });
    const job = client.generate({ prompt: "a", draft: { scale: 0.5 } });
    await expect(job).rejects.toMatchObject({ code: "unsupported", issues: [{ field: "draft.scale" }] });
    expect(requests).toEqual([]);
    const { images } = await client.generate({ prompt: "a", draft: { scale: 0.5 } }, { onUnsupported: "warn" });
    expect(images[0]!.recipe!.request).toMatchObject({ draft: { scale: 1 } });
  });

  it("is refused for what is no draft", async () => {
    const { client } = adder();
    const { images } = await client.generate({ prompt: "a" });
    await expect(client.final(images[0]!)).rejects.toMatchObject({ issues: [{ field: "draft" }] });
  });
});

describe("an inpaint's mask", () => {
  const square = (side: number) => {
    const mask = flat(32, 32, 0);
    for (let y = 16 - side / 2; y < 16 + side / 2; y++)
      mask.data.fill(255, 3 * (y * 32 + 16 - side / 2), 3 * (y * 32 + 16 + side / 2));
    return encodeImage(mask, "png");
  };
  const white = async ({ mask }: RequestOf<"inpaint">) => {
    const { data } = await pixelsOf(mask);
    return data.filter((value, i) => i % 3 === 0 && value === 255).length;
  };

  it.each([
    [4, 144],
    [-1, 4],
  ])("grows by %i", async (maskGrow, expected) => {
    const { client, requests } = adder();
    const image = await input(32, 32, 50);
    await client.generate({ task: "inpaint", prompt: "a", image, mask: await square(4), maskGrow });
    expect(await white(requests[0] as RequestOf<"inpaint">)).toBe(expected);
    expect(requests[0]).not.toHaveProperty("maskGrow");
  });

  it("is blurred as a Gaussian blurs, and what stays black is kept to the bit", async () => {
    const { client, requests } = adder();
    const image = await input(32, 32, 50);
    const { images, recipe } = await client.generate({
      task: "inpaint",
      prompt: "a",
      image,
      mask: await square(16),
      maskBlur: 2,
    });
    const { data: hidden } = await pixelsOf((requests[0] as RequestOf<"inpaint">).mask);
    // The integral of a normal distribution of deviation 2 about its middle, cut off at two and a half of them.
    expect([6, 7, 8, 9].map((x) => hidden[3 * (16 * 32 + x)])).toEqual([57, 102, 153, 198]);
    const { data } = await images[0]!.pixels();
    for (let i = 0; i < 32 * 32; i++) if (hidden[3 * i] === 0) expect(data[3 * i]).toBe(50);
    expect(data[3 * (16 * 32 + 16)]).toBe(60);
    expect(recipe.request).toMatchObject({ task: "inpaint", maskBlur: 2, mask: { size: expect.any(Number) } });
    await client.generate(recipe, { inputs: [image, await square(16)] });
    expect(requests).toHaveLength(2);
  });

  it("alone is painted at the size that is asked for, with what steers cut as it is, and put back", async () => {
    const { client, requests } = adder();
    const whole = flat(64, 48, 0);
    whole.data.forEach((_, i) => {
      whole.data[i] = 200 - (Math.floor(i / 3) % 64);
    });
    const mask = flat(64, 48, 0);
    for (let y = 10; y < 20; y++) mask.data.fill(255, 3 * (y * 64 + 30), 3 * (y * 64 + 40));
    const image = await encodeImage(whole, "png");
    const { images, recipe } = await client.generate({
      task: "inpaint",
      prompt: "a",
      image,
      mask: await encodeImage(mask, "png"),
      onlyMasked: true,
      maskPadding: 3,
      width: 48,
      height: 48,
      conditioning: [{ kind: "control", control: "canny", image }],
    });
    const asked = requests[0] as RequestOf<"inpaint">;
    const [cut, steering] = [
      await pixelsOf(asked.image),
      await pixelsOf((asked.conditioning[0] as { image: object }).image),
    ];
    expect([cut.width, cut.height, cut.data[0]]).toEqual([16, 16, 173]);
    expect(steering.data).toEqual(cut.data);
    const { width, height, data } = await images[0]!.pixels();
    expect([width, height]).toEqual([64, 48]);
    const changed = [...Array(64 * 48).keys()].filter((i) => data[3 * i] !== whole.data[3 * i]);
    expect(changed).toHaveLength(100);
    expect(changed[0]).toBe(10 * 64 + 30);
    expect(recipe.request).toMatchObject({ task: "inpaint", onlyMasked: true, maskPadding: 3, width: 48 });
    expect(recipe.request.conditioning[0]).toMatchObject({ kind: "control", image: { size: image.length } });
  });

  it("that is black all over has nothing to paint alone", async () => {
    const image = await input(32, 32, 50);
    const mask = await input(32, 32, 0);
    const job = adder().client.generate({ task: "inpaint", prompt: "a", image, mask, onlyMasked: true });
    await expect(job).rejects.toMatchObject({ issues: [{ field: "mask" }] });
    expect(() => parseRequest({ task: "inpaint", prompt: "a", image, mask, maskPadding: 3 })).toThrow(/onlyMasked/);
  });
});
