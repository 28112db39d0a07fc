import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Backend,
  diskStore,
  fallback,
  memoryStore,
  pool,
  route,
  withCache,
  withHooks,
  withLimits,
  withRetry,
} from "@latentkit/core";
import { describeBackend } from "./conformance/describe-backend.ts";
import { type MemoryBackend, memoryBackend } from "./fakes/memory-backend.ts";

/** Each composition by a name, over backends that fail as the suite asks and can resume. */
const compositions: Record<string, (make: () => MemoryBackend) => Backend | Promise<Backend>> = {
  fallback: (make) => fallback([make(), make()]),
  "fallback whose first is never reached": (make) =>
    fallback([memoryBackend({ id: "small", sides: { min: 8, max: 8 }, resumable: true }), make()]),
  route: (make) =>
    route([
      { backend: make(), usdPerImage: 1 },
      { backend: make(), usdPerImage: 0.5 },
    ]),
  pool: (make) => pool([make(), make()], { concurrency: 2 }),
  "withCache in memory": (make) => withCache(make(), memoryStore()),
  "withCache on disk": async (make) => withCache(make(), diskStore(await mkdtemp(join(tmpdir(), "latentkit-cache-")))),
  withHooks: (make) => withHooks(make(), { before: () => undefined, onEvent: () => undefined, after: () => undefined }),
  withLimits: (make) => withLimits(make(), { concurrency: 2, perMinute: 1000, budgetUsd: 100, cost: () => 0.01 }),
  withRetry: (make) => withRetry(make(), { minMs: 1 }),
  "all of them": (make) =>
    withHooks(
      withCache(
        withLimits(withRetry(fallback({ near: pool([make(), make()]), far: make() })), { concurrency: 4 }),
        memoryStore(),
      ),
      {},
    ),
};

for (const [name, compose] of Object.entries(compositions)) {
  describeBackend(name, async () => {
    const made: MemoryBackend[] = [];
    const make = () => {
      const fails = (prompt: string, index: number) => prompt === "fail" || (prompt === "half" && index === 1);
      const backend = memoryBackend({ fails, resumable: true });
      made.push(backend);
      return backend;
    };
    const sum = (field: "begun" | "running") => made.reduce((total, backend) => total + backend[field], 0);
    return {
      backend: await compose(make),
      worker: "memory",
      request: { prompt: "a", width: 16, height: 16 },
      longRequest: { prompt: "a", width: 16, height: 16, steps: 1000 },
      unsupported: { request: { prompt: "a", sampler: "none" }, field: "sampler" },
      failing: { prompt: "fail", width: 16, height: 16 },
      partlyFailing: { prompt: "half", width: 16, height: 16, count: 3 },
      workBegun: () => sum("begun"),
      isIdle: () => sum("running") === 0,
    };
  });
}
