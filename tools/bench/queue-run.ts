import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../../packages/core/src/index.ts";
import { queue } from "../../packages/queue/src/index.ts";
import { startRedis } from "../../packages/queue/src/testing/redis-server.ts";
import { memoryBackend } from "../../packages/testing/src/index.ts";
import { startService } from "./queue-service.ts";

const lockMs = 5000;

/** How a queue is run. */
export interface QueueRun {
  kind: "billed" | "free";
  jobs: number;
  workers: number;
  /** Workers that are killed once a quarter of the jobs is done. */
  killed: number;
}

/** `free`: pictures that cost nothing and are made anew. `billed`: a service with handles, which counts what it was asked to make. */
export async function runQueue({ kind, jobs, workers, killed }: QueueRun) {
  const redis = await startRedis();
  const store = mkdtempSync(join(tmpdir(), "latentkit-bench-queue-"));
  const service = await startService();
  const shared = { connection: redis.url, name: "bench", store };
  const children = await Promise.all(
    Array.from({ length: workers }, () => startWorkerProcess({ ...shared, kind, url: service.url })),
  );
  const client = createClient({ backend: queue({ ...shared, pollMs: 1000 }), maxJobs: jobs });
  const startedAt = performance.now();
  let [done, failed, wrong, twice] = [0, 0, 0, 0];
  const errors = new Map<string, number>();
  const killing = (async () => {
    while (done < jobs / 4) await sleep(20);
    for (const child of children.slice(0, killed)) child.kill("SIGKILL");
  })();
  const expected = memoryBackend();
  const own = createClient({ backend: expected });
  await Promise.all(
    Array.from({ length: jobs }, async (_, seed) => {
      const request = { prompt: `picture ${seed}`, seed, steps: 10 };
      try {
        const job = client.generate(request);
        let pictures = 0;
        for await (const event of job) if (event.type === "image") pictures++;
        const [image] = (await job).images;
        const right = (await own.generate(request)).images[0]!;
        if (Buffer.compare((await image!.pixels()).data, (await right.pixels()).data) !== 0) wrong++;
        if (pictures !== 1) twice++;
        done++;
      } catch (error) {
        failed++;
        const { code = "", message = "" } = error as { code?: string; message?: string };
        errors.set(`${code}: ${message}`, (errors.get(`${code}: ${message}`) ?? 0) + 1);
      }
    }),
  );
  await killing;
  const seconds = (performance.now() - startedAt) / 1000;
  const bills = [...service.created.values()];
  await client.dispose();
  await own.dispose();
  for (const child of children) child.kill("SIGKILL");
  await service.close();
  await redis.close();
  rmSync(store, { recursive: true, force: true });
  return {
    seconds,
    right: done - wrong,
    wrong,
    lost: failed,
    doubled: twice,
    orders: bills.reduce((sum, count) => sum + count, 0),
    orderedTwice: bills.filter((count) => count > 1).length,
    errors,
  };
}

async function startWorkerProcess(options: Record<string, unknown>): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    [
      "--conditions=latentkit-source",
      join(import.meta.dirname, "queue-worker.ts"),
      JSON.stringify({ ...options, lockMs }),
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await new Promise((resolve) => child.stdout!.once("data", resolve));
  return child;
}
