import { createClient, parseRequest } from "@latentkit/core";
import { eventually, memoryBackend, until } from "@latentkit/testing";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { keysOf, prefix } from "./keys.ts";
import { queue } from "./queue-backend.ts";
import { redisProgram, startRedis, type TestRedis } from "./testing/redis-server.ts";
import { startWorker } from "./worker.ts";

/** What stands in Redis is other processes' word: of other versions, or of whoever else reaches it. */
describe.skipIf(redisProgram === undefined)("a Redis that others write into", () => {
  let redis: TestRedis;
  let names = 0;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  function ours() {
    const name = `h${names++}`;
    const plain = new Redis(redis.url, { maxRetriesPerRequest: null });
    plain.on("error", () => {});
    const bull = new Queue(name, { connection: plain, prefix, skipVersionCheck: true });
    bull.on("error", () => {});
    const shared = { connection: redis.url, name };
    const client = createClient({ backend: queue({ ...shared, pollMs: 50, cancelMs: 500 }) });
    const memory = memoryBackend({ stepMs: 10, usdPerImage: 0 });
    onTestFinished(async () => {
      await client.dispose();
      plain.disconnect();
    });
    const resumed = (id: string) =>
      client.resume({
        latentkit: "handle",
        backend: "queue",
        request: { task: "text-to-image", prompt: "a" } as never,
        data: { id },
      });
    return { plain, bull, shared, client, memory, keys: keysOf(name), resumed };
  }

  it("refuses jobs that hold no request, or name files of the worker's machine, and goes on", async () => {
    const { bull, shared, client, memory, resumed } = ours();
    const worker = await startWorker(memory, { ...shared, progressMs: 0, graceMs: 0 });
    onTestFinished(() => worker.close(0).then(() => memory.dispose()));
    const request = { task: "image-to-image", prompt: "a", count: 1, conditioning: [], backendOptions: {} };
    const poison: unknown[] = [
      null,
      7,
      "text",
      [],
      {},
      { request: 7 },
      { request: { ...request, conditioning: 7 } },
      { request: { ...request, conditioning: [7] } },
      { request: { ...request, image: { path: "/etc/hostname" } } },
      { request: { ...request, image: { url: "http://127.0.0.1/" } } },
      { request: { ...request, image: { sha256: "../../x", size: 1 } } },
      { request: { ...request, image: "/etc/hostname" } },
      { request, trace: 7, begun: "x", handle: null, backend: 7 },
      { request: { ...request, task: "text-to-image", count: 1e9 }, trace: { traceparent: 7, baggage: 7 } },
    ];
    for (const data of poison) {
      const { id } = await bull.add("generate", data);
      const error = await resumed(id!).then(
        () => undefined,
        (cause: unknown) => cause,
      );
      expect(error, JSON.stringify(data)).toMatchObject({ code: "invalid_request" });
    }
    expect(memory.begun).toBe(0);
    expect((await client.generate({ prompt: "a", steps: 1 })).images).toHaveLength(1);
  });

  it("ends a job whose log holds what no worker writes, and passes over news that are none", async () => {
    const { plain, bull, client, keys, resumed, shared, memory } = ours();
    const entries = [
      "no JSON",
      "null",
      "7",
      '{"type":7}',
      '{"type":"image","index":0}',
      '{"type":"image","index":-1,"image":{"kind":"stored","key":"../../x","mediaType":"image/png","sha256":"0"}}',
      '{"type":"error","error":null}',
      '{"type":"error","error":{"code":7,"message":{}}}',
      '{"type":"completed","timings":7}',
      '{"type":"warning"}',
    ];
    for (const entry of entries) {
      const { id } = await bull.add("generate", {});
      await plain.xadd(keys.events(id!), "*", "e", entry);
      await expect(
        resumed(id!).then((result) => result),
        entry,
      ).rejects.toMatchObject({ code: "connection", retryable: false });
    }
    const worker = await startWorker(memory, { ...shared, progressMs: 0, graceMs: 0 });
    onTestFinished(() => worker.close(0).then(() => memory.dispose()));
    const job = client.generate({ prompt: "a", steps: 40 });
    await until(job, (event) => event.type === "started");
    const { id } = job.handle!.data as { id: string };
    const live = [
      '{"type":"completed"}',
      '{"type":"preview","index":0,"step":1,"image":7}',
      '{"type":"progress"}',
      "7",
    ];
    for (const text of ["no JSON", "null", "7", '{"log":7}', ...live.map((each) => `{"live":${each}}`)])
      await plain.publish(keys.news(id), text);
    await plain.xadd(keys.events(id), "*", "e", '{"type":"of a newer version"}');
    await plain.publish(keys.asks, "no JSON");
    expect((await job).images).toHaveLength(1);
  });

  it("ends a job that its worker calls done without a word of it", async () => {
    const { shared, resumed, bull } = ours();
    const { Worker } = await import("bullmq");
    const liar = new Worker(shared.name, async () => "done", {
      connection: { url: redis.url, maxRetriesPerRequest: null },
      prefix,
    });
    onTestFinished(() => liar.close());
    const { id } = await bull.add("generate", {});
    await expect(resumed(id!).then((result) => result)).rejects.toMatchObject({
      code: "generation",
      message: expect.stringContaining("called it done"),
    });
  });

  it("begins no paid job anew whose worker died without a handle, however many attempts it has", async () => {
    const { shared, resumed, bull } = ours();
    const paid = memoryBackend({ usdPerImage: 0.1 });
    const request = parseRequest({ prompt: "a" });
    const { id } = await bull.add("generate", { request, begun: true }, { attempts: 3 });
    const worker = await startWorker(paid, { ...shared, graceMs: 0 });
    onTestFinished(() => worker.close(0).then(() => paid.dispose()));
    await expect(resumed(id!).then((result) => result)).rejects.toMatchObject({
      code: "connection",
      retryable: false,
      details: { outcome: "unknown" },
    });
    expect((await bull.getJob(id!))?.attemptsMade ?? 1).toBeLessThanOrEqual(1);
    expect(paid.begun).toBe(0);
  });

  it("says what is wrong with workers' answers", async () => {
    for (const said of [
      "no JSON",
      "null",
      "{}",
      '{"capabilities":{}}',
      '{"error":7}',
      '{"capabilities":{"tasks":7}}',
    ]) {
      const { plain, keys, client } = ours();
      const answers = new Redis(redis.url);
      await answers.subscribe(keys.asks);
      answers.on("message", (_, text: string) => {
        void plain.set(keys.answer((JSON.parse(text) as { id: string }).id), said);
      });
      await expect(client.capabilities(), said).rejects.toMatchObject({ code: "connection" });
      answers.disconnect();
      await plain.hset(keys.capabilities, "", said);
      await expect(client.capabilities(undefined), said).rejects.toMatchObject({ code: "connection" });
    }
  });

  it("lets a client and a worker go while Redis is away", async () => {
    const gone = await startRedis();
    onTestFinished(() => gone.close());
    const shared = { connection: gone.url, name: "gone" };
    const memory = memoryBackend({ stepMs: 50, usdPerImage: 0 });
    const worker = await startWorker(memory, { ...shared, graceMs: 0, connectMs: 1000 });
    const client = createClient({ backend: queue({ ...shared, cancelMs: 300 }) });
    const job = client.generate({ prompt: "a", steps: 400 });
    const failed = job.then(
      () => undefined,
      (error: unknown) => error,
    );
    await until(job, (event) => event.type === "started");
    await gone.stop();
    job.cancel();
    let left = 0;
    void client.dispose().then(() => left++);
    void worker.close(0).then(() => left++);
    expect(await eventually(() => left === 2, 20_000)).toBe(true);
    expect(await failed).toMatchObject({ code: "aborted" });
    await memory.dispose();
  }, 40_000);
});
