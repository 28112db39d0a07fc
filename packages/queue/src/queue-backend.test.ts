import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Backend, createClient } from "@latentkit/core";
import {
  collect,
  describeBackend,
  eventually,
  type MemoryBackendOptions,
  memoryBackend,
  until,
} from "@latentkit/testing";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { queue } from "./queue-backend.ts";
import type { QueueOptions, WorkerOptions } from "./queue-options.ts";
import type { ObjectStore } from "./store/object-store.ts";
import { redisProgram, startRedis, type TestRedis } from "./testing/redis-server.ts";
import { startWorker } from "./worker.ts";

const noRedis = "not run: there is no redis-server on this machine (Debian's package has one)";

describe.skipIf(redisProgram === undefined)(
  `on a real Redis${redisProgram === undefined ? ` (${noRedis})` : ""}`,
  () => {
    let redis: TestRedis;
    let store: string;
    let names = 0;
    beforeAll(async () => {
      redis = await startRedis();
      store = await mkdtemp(join(tmpdir(), "latentkit-queue-"));
    });
    afterAll(async () => {
      await redis.close();
      await rm(store, { recursive: true, force: true });
    });

    /** A queue of its own, with a worker over a backend. */
    async function made(
      backend: Backend,
      { queue: ours = {}, worker: theirs = {} }: { queue?: QueueOptions; worker?: WorkerOptions } = {},
    ) {
      const shared = { connection: redis.url, name: `q${names++}`, store };
      const worker = await startWorker(backend, { ...shared, progressMs: 0, lockMs: 5000, graceMs: 0, ...theirs });
      const client = createClient({ backend: queue({ ...shared, pollMs: 200, ...ours }) });
      const close = async () => {
        await client.dispose();
        await worker.close();
        await backend.dispose();
      };
      return { shared, worker, client, close };
    }
    async function over(options: MemoryBackendOptions = {}, settings: Parameters<typeof made>[1] = {}) {
      const memory = memoryBackend({ stepMs: 5, usdPerImage: 0, ...options });
      const all = { memory, ...(await made(memory, settings)) };
      onTestFinished(all.close);
      return all;
    }

    describeBackend("queue", async () => {
      const memory = memoryBackend({
        stepMs: 2,
        usdPerImage: 0,
        fails: (prompt, index) => prompt === "fail" || (prompt === "half" && index === 1),
      });
      const { client, close } = await made(memory, { worker: { concurrency: 4 } });
      return {
        backend: client.backend,
        request: { prompt: "a", steps: 2 },
        longRequest: { prompt: "a", steps: 800 },
        unsupported: { request: { task: "upscale", image: { base64: "AAAA" }, scale: 2 }, field: "task" },
        failing: { prompt: "fail" },
        partlyFailing: { prompt: "half", count: 3 },
        workBegun: () => memory.begun,
        isIdle: () => memory.running === 0,
        teardown: close,
      };
    });

    it("makes a request that is waited for already once, and cancels it when nobody waits any more", async () => {
      const { memory, client } = await over({ stepMs: 10 }, { queue: { deduplicate: true } });
      const request = { prompt: "a", steps: 200, seed: 5 };
      const [one, two] = [client.generate(request), client.generate(request)];
      await until(two, (event) => event.type === "progress");
      one.cancel();
      await expect(one).rejects.toMatchObject({ code: "aborted" });
      expect((await two).images).toHaveLength(1);
      expect(memory.begun).toBe(1);
      const [three, four] = [client.generate({ ...request, steps: 500 }), client.generate({ ...request, steps: 500 })];
      await Promise.all([three, four].map((job) => until(job, (event) => event.type === "progress")));
      expect(memory.begun).toBe(2);
      three.cancel();
      four.cancel();
      await Promise.allSettled([three, four]);
      expect(await eventually(() => memory.running === 0)).toBe(true);
    });

    it("takes what is urgent first, and what is delayed later", async () => {
      const order: string[] = [];
      const { client } = await over({
        stepMs: 5,
        fails: (prompt) => {
          order.push(prompt);
          return false;
        },
      });
      const generate = (prompt: string, own = {}) =>
        client.generate({ prompt, steps: 20, backendOptions: { queue: own } });
      const first = generate("first");
      await until(first, (event) => event.type === "started");
      const jobs = [generate("late", { delayMs: 8000, priority: 1000 })];
      for (const [prompt, priority] of [
        ["low", 1],
        ["usual", 500],
        ["high", 900],
      ] as const) {
        const job = generate(prompt, { priority });
        await until(job, (event) => event.type === "queued");
        jobs.push(job);
      }
      await Promise.all([first, ...jobs]);
      expect(order.slice(0, 4)).toEqual(["first", "high", "usual", "low"]);
      expect(order[4]).toBe("late");
      await expect(generate("x", { priority: 2000 })).rejects.toMatchObject({
        issues: [{ field: "backendOptions.queue.priority" }],
      });
    });

    it("lets no key order more than its limit: what is too early waits, what would wait too long is refused", async () => {
      const { client } = await over(
        { stepMs: 1 },
        { queue: { limit: { max: 2, perMs: 600, waitMs: 400 } }, worker: { concurrency: 8 } },
      );
      const generate = (key: string) => client.generate({ prompt: "a", steps: 1, backendOptions: { queue: { key } } });
      const begun = Date.now();
      const settled = await Promise.allSettled([
        generate("a"),
        generate("a"),
        generate("a"),
        generate("a"),
        generate("b"),
      ]);
      expect(settled.map(({ status }) => status).filter((status) => status === "rejected")).toHaveLength(1);
      const { reason } = settled.find(({ status }) => status === "rejected") as PromiseRejectedResult;
      expect(reason).toMatchObject({ code: "rate_limit", retryable: true });
      expect(reason.details.retryAfterMs).toBeGreaterThan(400);
      expect(Date.now() - begun).toBeGreaterThan(250);
    });

    it("brings inputs, previews and latents, and keeps pixels out of Redis", async () => {
      const { client, shared } = await over({ stepMs: 5 });
      const job = client.generate({ prompt: "a", width: 256, height: 256, steps: 8, previewEvery: 2 });
      const { events, error } = await collect(job);
      expect(error).toBeUndefined();
      expect(events.filter(({ type }) => type === "preview").length).toBeGreaterThan(0);
      const { Redis } = await import("ioredis");
      const plain = new Redis(redis.url);
      onTestFinished(() => plain.disconnect());
      const keys = await plain.keys(`latentkit:${shared.name}:job-events:*`);
      const log = JSON.stringify(await plain.xrange(keys[0]!, "-", "+"));
      expect(log).toContain("stored");
      expect(log.length).toBeLessThan(3000);
    });

    it("keeps small pictures in Redis where there is no other store", async () => {
      const { client } = await over({}, { queue: { store: undefined }, worker: { store: undefined } });
      expect((await client.generate({ prompt: "a" })).images).toHaveLength(1);
    });

    it("makes a picture that takes longer than things are kept", async () => {
      const { client } = await over({ stepMs: 10 }, { queue: { pollMs: 50 }, worker: { keepMs: 700 } });
      expect((await client.generate({ prompt: "a", steps: 200 })).images).toHaveLength(1);
    });

    it("says that its store is full, and delivers what was made before", async () => {
      const pictures = new Map<string, Uint8Array>();
      let room = Number.POSITIVE_INFINITY;
      const small: ObjectStore = {
        async put(key, bytes) {
          if (room-- <= 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
          pictures.set(key, bytes);
        },
        get: async (key) => pictures.get(key),
      };
      const { client } = await over({}, { queue: { store: small }, worker: { store: small } });
      room = 1;
      const job = client.generate({ prompt: "a", count: 2 });
      await expect(job.then((result) => result)).rejects.toMatchObject({
        code: "generation",
        message: expect.stringContaining("ENOSPC"),
      });
      expect(job.images).toHaveLength(1);
      room = Number.POSITIVE_INFINITY;
      expect((await client.generate({ prompt: "a" })).images).toHaveLength(1);
    });

    it("goes on with a job from another process by its handle, and knows when there is none", async () => {
      const { memory, client, shared } = await over({ stepMs: 10 });
      const job = client.generate({ prompt: "a", steps: 40, seed: 5 });
      await until(job, (event) => event.type === "progress");
      const other = createClient({ backend: queue(shared) });
      onTestFinished(() => other.dispose());
      const handle = JSON.parse(JSON.stringify(job.handle));
      const [{ images }, again] = await Promise.all([job, other.resume(handle)]);
      expect(await again.images[0]!.pixels()).toEqual(await images[0]!.pixels());
      expect(memory.begun).toBe(1);
      const gone = createClient({ backend: queue({ ...shared, pollMs: 50 }) });
      onTestFinished(() => gone.dispose());
      await expect(gone.resume({ ...handle, data: { id: "none" } })).rejects.toMatchObject({ code: "not_found" });
    });

    it("hands running jobs back when a worker closes, and another finishes them", async () => {
      const { memory, worker, client, shared } = await over({ stepMs: 10 });
      const job = client.generate({ prompt: "a", steps: 60, seed: 5 });
      await until(job, (event) => event.type === "progress");
      const closing = worker.close(0);
      const second = await startWorker(memory, { ...shared, lockMs: 5000, graceMs: 0 });
      onTestFinished(async () => void (await second.close()));
      await closing;
      expect((await job).images).toHaveLength(1);
      expect(memory.begun).toBe(2);
      await second.drained();
    });

    it("leaves a job going that has a handle, when its worker closes: another takes it up, and it is ordered once", async () => {
      const { memory, worker, client, shared } = await over({ stepMs: 10, resumable: true, usdPerImage: 0.1 });
      const resumed: unknown[] = [];
      const job = client.generate({ prompt: "a", steps: 100, seed: 5 });
      await until(job, (event) => event.type === "progress");
      const again = {
        ...memory,
        resume: (...args: Parameters<NonNullable<Backend["resume"]>>) => {
          resumed.push(args[0].data);
          return memory.resume!(...args);
        },
      };
      expect(await worker.close(0)).toBe(1);
      const second = await startWorker(again, { ...shared, lockMs: 5000, graceMs: 0 });
      onTestFinished(async () => void (await second.close()));
      expect((await job).images).toHaveLength(1);
      expect(resumed).toEqual([{ job: 1 }]);
      expect(memory.begun).toBe(1);
    });

    it("waits for a worker that comes later, and for a Redis that goes and comes back", async () => {
      const { memory, worker, client, shared } = await over({ stepMs: 20 });
      expect((await client.generate({ prompt: "a", steps: 1 })).images).toHaveLength(1);
      await worker.close(0);
      const waiting = client.generate({ prompt: "b", steps: 50, seed: 1 });
      await until(waiting, (event) => event.type === "queued");
      const late = await startWorker(memory, { ...shared, lockMs: 5000, graceMs: 0 });
      onTestFinished(async () => void (await late.close()));
      await until(waiting, (event) => event.type === "started");
      await redis.stop();
      await new Promise((resolve) => setTimeout(resolve, 500));
      await redis.start();
      const { images } = await waiting;
      expect(images).toHaveLength(1);
    });

    it("says in time that Redis is not there, and what is wrong with options", async () => {
      const client = createClient({ backend: queue({ connection: "redis://127.0.0.1:1", connectMs: 300 }) });
      await expect(client.generate({ prompt: "a" })).rejects.toMatchObject({ code: "connection", retryable: true });
      await client.dispose();
      await expect(
        startWorker(memoryBackend(), { connection: "redis://127.0.0.1:1", connectMs: 300 }),
      ).rejects.toMatchObject({
        code: "connection",
      });
      expect(() => queue({ connection: "http://x" })).toThrow(/connection/);
      expect(() => queue({ prioritty: 1 } as never)).toThrow(/did you mean priority/);
      const nobody = createClient({ backend: queue({ connection: redis.url, name: `none${names++}` }) });
      onTestFinished(() => nobody.dispose());
      await expect(nobody.generate({ prompt: "a" })).rejects.toThrow(/latentkit worker/);
    });
  },
);
