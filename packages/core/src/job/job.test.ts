import { describe, expect, it, vi } from "vitest";
import { AbortedError } from "../errors/aborted-error.ts";
import { GenerationError } from "../errors/generation-error.ts";
import type { GenerationEvent } from "../events.ts";
import { parseRequest } from "../request/parse-request.ts";
import { Job } from "./job.ts";
import { JobRun, type RunOptions } from "./job-run.ts";

type Source = (signal: AbortSignal) => AsyncIterable<GenerationEvent>;
const pixel = { kind: "pixels", width: 1, height: 1, channels: 3, base64: "AQID" } as const;
const preview = (step: number): GenerationEvent => ({ type: "preview", index: 0, step, image: pixel });
const tick = () => new Promise((resolve) => setTimeout(resolve, 1));

function start(source: Source, options: Partial<RunOptions> = {}): Job {
  const backend = { id: "test", capabilities: vi.fn(), generate: vi.fn(), dispose: vi.fn() };
  const prepare = async () => ({ request: parseRequest({ prompt: "a", seed: 5, count: 2 }), warnings: [], source });
  return new Job(new JobRun({ backend, prepare, ...options }));
}

async function* full(): AsyncGenerator<GenerationEvent> {
  yield { type: "queued", handle: { id: "p1" } };
  yield { type: "started", resolved: { width: 1, height: 1 }, model: { id: "m" }, versions: { engine: "2" } };
  for (let step = 1; step <= 3; step++) yield preview(step);
  yield { type: "image", index: 1, image: pixel };
  yield { type: "image", index: 0, image: pixel };
  yield { type: "completed", timings: { sampleMs: 3 }, metrics: { cost: 1 } };
}

describe("Job", () => {
  it("is awaitable: images in order with their seeds, recipe, timings, metrics", async () => {
    const result = await start(full);
    expect(result.images.map(({ index, seed }) => [index, seed])).toEqual([
      [0, 5],
      [1, 6],
    ]);
    expect(result.images[1]?.recipe.request).toMatchObject({ seed: 6, count: 1, width: 1 });
    expect(result.recipe).toMatchObject({
      backend: "test",
      model: { id: "m" },
      versions: { engine: "2" },
      request: { seed: 5, count: 2 },
    });
    expect(result.timings).toMatchObject({ sampleMs: 3, totalMs: expect.any(Number) });
    expect(result.metrics).toEqual({ cost: 1 });
  });

  it("keeps previews out of the recipes, and in the handle of a job that is to go on", async () => {
    const request = parseRequest({ prompt: "a", seed: 5, previewEvery: 3 });
    const job = start(full, { prepare: async () => ({ request, warnings: [], source: full }) });
    const { recipe, images } = await job;
    expect(recipe.request.previewEvery).toBe(0);
    expect(images[0]!.recipe.request.previewEvery).toBe(0);
    expect(job.handle?.request.previewEvery).toBe(3);
  });

  it("is iterable by many, each from the beginning, also after the end", async () => {
    const job = start(full);
    const read = async () => (await Array.fromAsync(job)).map((event) => event.type);
    const [first, second] = await Promise.all([read(), read()]);
    expect(first).toEqual(second);
    expect(first.at(0)).toBe("queued");
    expect(first.filter((type) => type === "image")).toHaveLength(2);
    expect(first.at(-1)).toBe("completed");
    expect((await read()).filter((type) => type !== "preview")).toEqual(first.filter((type) => type !== "preview"));
  });

  it("lets a later picture of the same index take the first one's place", async () => {
    const { images } = await start(async function* () {
      yield { type: "image", index: 1, image: { kind: "url", url: "http://gone.test/1.png" } };
      yield { type: "image", index: 0, image: pixel };
      yield { type: "image", index: 1, image: pixel };
      yield { type: "completed" };
    });
    expect(images.map(({ index, url }) => [index, url])).toEqual([
      [0, undefined],
      [1, undefined],
    ]);
  });

  it("loses previews for a slow consumer, never images", async () => {
    const job = start(full);
    const iterator = job[Symbol.asyncIterator]();
    await job;
    const events: GenerationEvent[] = [];
    for await (const event of iterator) events.push(event);
    expect(events.filter((event) => event.type === "preview")).toEqual([preview(3)]);
    expect(events.filter((event) => event.type === "image")).toHaveLength(2);
  });

  it("is an emitter: listeners attached after the call see the first event, and the result", async () => {
    const job = start(full);
    const types: string[] = [];
    job.on("event", (event) => types.push(event.type));
    const done = vi.fn();
    job.on("done", done);
    const result = await job;
    await tick();
    expect(types[0]).toBe("queued");
    expect(done).toHaveBeenCalledWith(result);
  });

  it("serves several next() calls at once, and nothing after return()", async () => {
    const iterator = start(full)[Symbol.asyncIterator]();
    const [first, second] = await Promise.all([iterator.next(), iterator.next()]);
    expect([first.value?.type, second.value?.type]).toEqual(["queued", "started"]);
    await iterator.return();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await tick();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("ends at once when cancelled or out of time while it prepares", async () => {
    const prepare = () => new Promise<never>(() => {});
    const job = start(full, { prepare });
    await tick();
    job.cancel();
    await expect(job).rejects.toMatchObject({ code: "aborted" });
    await expect(start(full, { prepare, timeoutMs: 5 })).rejects.toMatchObject({ code: "timeout" });
    await expect(start(full, { prepare, signal: AbortSignal.timeout(5) })).rejects.toMatchObject({ code: "timeout" });
  });

  it.each([
    ["timeoutMs", { timeoutMs: Number.NaN }],
    ["timeoutMs", { timeoutMs: 2 ** 31 }],
    ["timeoutMs", { timeoutMs: 0 }],
    ["signal", { signal: {} as AbortSignal }],
  ])("refuses a wrong %s", async (field, options) => {
    await expect(start(full, options)).rejects.toMatchObject({ code: "invalid_request", issues: [{ field }] });
  });

  it("takes Infinity as no time limit", async () => {
    expect((await start(full, { timeoutMs: Number.POSITIVE_INFINITY })).images).toHaveLength(2);
  });

  it("survives a listener that throws, and tells the others", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const job = start(full);
    const removed = vi.fn();
    job.on("image", () => {
      throw new Error("listener bug with Bearer abcdefgh12345678");
    });
    const [later, once] = [vi.fn(), vi.fn()];
    job.on("image", later).once("image", once).on("image", removed).off("image", removed);
    expect((await job).images).toHaveLength(2);
    expect(String(warned.mock.calls[0]?.[0])).toContain("listener bug");
    expect(String(warned.mock.calls[0]?.[0])).not.toContain("abcdefgh");
    expect([later, once, removed].map((listener) => listener.mock.calls.length)).toEqual([2, 1, 0]);
    warned.mockRestore();
  });

  it("does not bring the process down when nobody awaits it", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    start(async function* () {
      yield { type: "queued" };
      throw new Error("boom");
    });
    await tick();
    await tick();
    expect(unhandled).not.toHaveBeenCalled();
    process.off("unhandledRejection", unhandled);
  });

  it("wraps a foreign error, keeps the images made before it, and throws it through the iterator too", async () => {
    const job = start(async function* () {
      yield { type: "queued" };
      yield { type: "image", index: 0, image: pixel };
      throw new TypeError("boom");
    });
    const error = await job.catch((reason: unknown) => reason);
    expect(GenerationError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ backend: "test", cause: expect.any(TypeError) });
    expect((error as { images: unknown[] }).images).toHaveLength(1);
    expect(job.images).toHaveLength(1);
    expect(job.status).toBe("failed");
    await expect(Array.fromAsync(job)).rejects.toBe(error);
  });

  it("names the backend in an error that does not", async () => {
    const job = start(full, { prepare: () => Promise.reject(new GenerationError("no")) });
    await expect(job).rejects.toMatchObject({ message: "no", backend: "test" });
  });

  it("fails when the backend ends without completing", async () => {
    await expect(start(async function* () {})).rejects.toThrow(/without completing/);
  });

  it("cancels: the backend's signal fires, its clean-up runs, and images stay", async () => {
    const cleaned = vi.fn();
    const job = start(async function* (signal) {
      try {
        yield { type: "image", index: 0, image: pixel };
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      } finally {
        cleaned();
      }
    });
    await tick();
    job.cancel("enough");
    const error = await job.catch((reason: unknown) => reason);
    expect(AbortedError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ name: "AbortError", message: "enough" });
    expect(cleaned).toHaveBeenCalledOnce();
    expect(job.images).toHaveLength(1);
    expect(job.status).toBe("cancelled");
  });

  it("ends after a grace period when a backend does not react to an abort", async () => {
    vi.useFakeTimers();
    const job = start(async function* () {
      yield { type: "queued" };
      await new Promise(() => {});
    });
    const ended = job.catch((reason: unknown) => reason);
    await vi.advanceTimersByTimeAsync(1);
    job.cancel();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(AbortedError.isInstance(await ended)).toBe(true);
    vi.useRealTimers();
  });

  it("keeps a time limit", async () => {
    const hang: Source = async function* (signal) {
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const job = start(hang, { timeoutMs: 5 });
    await expect(job).rejects.toMatchObject({ code: "timeout", retryable: true });
    expect(job.status).toBe("failed");
  });

  it("can leave the wait in the queue out of the time limit", async () => {
    const waiting: Source = async function* () {
      yield { type: "queued" };
      await new Promise((resolve) => setTimeout(resolve, 60));
      yield* full();
    };
    const job = start(waiting, { timeoutMs: 30, timeoutFrom: "started" });
    const { timings } = await job;
    expect(timings.queueMs).toBeGreaterThan(50);
    await expect(start(waiting, { timeoutMs: 30 })).rejects.toMatchObject({ code: "timeout" });
    const slow: Source = async function* (signal) {
      yield { type: "started" };
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    await expect(start(slow, { timeoutMs: 5, timeoutFrom: "started" })).rejects.toMatchObject({ code: "timeout" });
    await expect(start(full, { timeoutFrom: "now" as never })).rejects.toThrow(/timeoutFrom/);
  });

  it("gives a handle that survives JSON", async () => {
    const job = start(full);
    await job;
    expect(JSON.parse(JSON.stringify(job.handle))).toMatchObject({
      latentkit: "handle",
      backend: "test",
      data: { id: "p1" },
      request: { seed: 5 },
    });
  });

  it("reports what failed beside what succeeded", async () => {
    const error = new GenerationError("no").toJSON();
    const { images, failures } = await start(async function* () {
      yield { type: "image", index: 0, image: pixel };
      yield { type: "warning", code: "image_failed", message: "no", index: 1, seed: 6, error };
      yield { type: "completed" };
    });
    expect(images).toHaveLength(1);
    expect(failures).toEqual([{ index: 1, seed: 6, error }]);
  });
});

describe("a job that others misuse", () => {
  it("takes what an async listener rejects with for a warning", async () => {
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    const job = start(full);
    job.on("started", (async () => {
      throw new Error("async listener");
    }) as () => void);
    await job;
    expect((await warned).message).toContain("async listener");
  });
});
