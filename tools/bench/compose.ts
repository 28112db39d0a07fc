/**
 * What compositions add to a job, and a batch of trivial jobs: its pace, its memory, and how long it takes to go on after a kill.
 *
 *     node --conditions=latentkit-source tools/bench/compose.ts [jobs]
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Backend,
  createClient,
  fallback,
  memoryStore,
  pool,
  route,
  withCache,
  withHooks,
  withLimits,
  withRetry,
} from "../../packages/core/src/index.ts";
import { type MemoryBackend, memoryBackend } from "../../packages/testing/src/index.ts";

const jobs = Number(process.argv[2] ?? 10_000);
const request = { prompt: "a", width: 8, height: 8, steps: 1 };

/** A backend that answers at once: what is left is the client's and the compositions' own work. */
function instant(): MemoryBackend {
  const backend = memoryBackend();
  return Object.assign(backend, {
    async *generate({ seed = 0 }: { seed?: number | string }) {
      yield { type: "queued" };
      yield { type: "started", model: { id: "stripes" } };
      yield {
        type: "image",
        index: 0,
        seed,
        image: { kind: "pixels", width: 1, height: 1, channels: 3, base64: "AQID" },
      };
      yield { type: "completed" };
    },
  }) as unknown as MemoryBackend;
}

const compositions: Record<string, () => Backend> = {
  none: instant,
  fallback: () => fallback([instant(), instant()]),
  route: () => route([instant(), instant()]),
  pool: () => pool([instant(), instant()], { concurrency: 4 }),
  withCache: () => withCache(instant(), memoryStore()),
  withHooks: () => withHooks(instant(), { before: () => undefined, onEvent: () => undefined, after: () => undefined }),
  withLimits: () => withLimits(instant(), { concurrency: 4, budgetUsd: 1e9, cost: () => 0 }),
  withRetry: () => withRetry(instant()),
};

if (process.argv[3] === "batch") await batch(process.argv[4]!);
else await main();

async function main(): Promise<void> {
  console.log(
    `${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`,
  );
  await overheads();
  await killedBatch();
}

/** Job by job in turns, so that whatever else the machine does falls on all alike; the median of each. */
async function overheads(): Promise<void> {
  const clients = Object.entries(compositions).map(([name, make]) => ({
    name,
    client: createClient({ backend: make() }),
    took: [] as number[],
  }));
  const rounds = Math.min(1500, jobs);
  for (let round = 0; round < rounds; round++) {
    for (const { client, took } of clients) {
      const begin = performance.now();
      await client.generate({ ...request, seed: round });
      if (round >= rounds / 5) took.push(performance.now() - begin);
    }
  }
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]! * 1000;
  const bare = median(clients[0]!.took);
  console.log(
    `\na job without a composition: ${bare.toFixed(0)} µs; each adds (median of ${clients[0]!.took.length} in turns):`,
  );
  for (const { name, took } of clients.slice(1))
    console.log(`  ${name.padEnd(10)} ${(median(took) - bare).toFixed(0).padStart(5)} µs`);
}

async function killedBatch(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "latentkit-bench-"));
  const run = (kill?: number) =>
    new Promise<string>((resolve) => {
      const args = [
        "--conditions=latentkit-source",
        "--expose-gc",
        import.meta.filename,
        String(jobs),
        "batch",
        folder,
      ];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      child.stdout.on("data", (part: Buffer) => {
        text += part.toString();
        if (kill !== undefined && text.includes(`done ${kill}\n`)) child.kill("SIGKILL");
      });
      child.on("close", () => resolve(text));
    });
  const half = Math.floor(jobs / 2);
  console.log(`\na batch of ${jobs} trivial jobs with a manifest and pictures, killed (SIGKILL) after ${half}:`);
  await run(half);
  console.log(
    (await run())
      .split("\n")
      .filter((line) => !line.startsWith("done"))
      .join("\n"),
  );
  const lines = (await readFile(join(folder, "manifest.jsonl"), "utf8"))
    .split("\n")
    .filter((line) => line.includes('"status":"done"'));
  const keys = new Set(lines.map((line) => (JSON.parse(line) as { key: string }).key));
  console.log(`done in the manifest: ${lines.length} lines of ${keys.size} items`);
  await rm(folder, { recursive: true });
}

/** In a process of its own: counts what is drawn, and looks at memory after a collection. */
async function batch(folder: string): Promise<void> {
  const begin = performance.now();
  const client = createClient({ backend: instant() });
  function* requests() {
    for (let seed = 0; seed < jobs; seed++) yield { ...request, seed };
  }
  const counts = { done: 0, failed: 0, skipped: 0 };
  const heaps: number[] = [];
  let resumed: number | undefined;
  let over = 0;
  for await (const { status } of client.batch(requests(), {
    concurrency: 4,
    out: folder,
    manifest: join(folder, "manifest.jsonl"),
  })) {
    counts[status]++;
    if (status === "done") resumed ??= performance.now() - begin;
    if (++over % Math.floor(jobs / 10) === 0) {
      (globalThis as { gc?: () => void }).gc?.();
      heaps.push(process.memoryUsage().heapUsed / 2 ** 20);
    }
    if (over % 100 === 0 || over === Math.floor(jobs / 2)) process.stdout.write(`done ${over}\n`);
  }
  const seconds = (performance.now() - begin) / 1000;
  console.log(
    `${counts.skipped} passed over, first new picture after ${((resumed ?? 0) / 1000).toFixed(2)} s; ${counts.done} drawn; ${seconds.toFixed(1)} s in all`,
  );
  console.log(`heap in use at each tenth: ${heaps.map((mb) => mb.toFixed(1)).join(", ")} MB`);
}
