/**
 * What a server adds to a job: on the embedded model, in turn with the same job without it; how many jobs a minute fifty clients get, and how long they
 * wait; how soon the first step is told; and memory over a run under load.
 *
 *     pnpm bench server
 *     node --conditions=latentkit-source --expose-gc tools/bench/server.ts [seconds of load] [pairs of jobs]
 */
import { cpus, loadavg } from "node:os";
import { local } from "../../packages/backend-local/src/index.ts";
import { type Client, createClient } from "../../packages/core/src/index.ts";
import { type Listening, serve } from "../../packages/server/src/index.ts";
import { memoryBackend } from "../../packages/testing/src/index.ts";

const seconds = Number(process.argv[2] ?? 60);
const rounds = Number(process.argv[3] ?? 40);
const request = { prompt: "a red apple on a blue background", steps: 20 };

console.log(
  `  ${new Date().toISOString().slice(0, 10)}, node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loadavg()[0]?.toFixed(1)}`,
);
await underLoad();
await onEmbeddedModel();

async function onEmbeddedModel(): Promise<void> {
  const client = createClient({ backend: local() });
  const server = await serve(client, { port: 0 });
  const times = { alone: [] as number[], served: [] as number[] };
  const first = { alone: [] as number[], served: [] as number[] };
  await timed(() => alone(client, 0));
  const ways = { alone: (seed: number) => alone(client, seed), served: (seed: number) => served(server, seed) };
  for (let seed = 1; seed <= rounds; seed++) {
    // Each is the first of a pair in every other round.
    for (const way of seed % 2 === 0 ? (["alone", "served"] as const) : (["served", "alone"] as const))
      times[way].push(await timed(() => ways[way](seed)));
    first.alone.push(await firstStepAlone(client, seed));
    first.served.push(await firstStepServed(server, seed));
  }
  // Pairs that follow each other meet the same machine.
  const added = times.served.map((ms, i) => ms - times.alone[i]!);
  const share = times.served.map((ms, i) => ms / times.alone[i]! - 1);
  console.log(
    `  embedded model, ${request.steps} steps, PNG, ${rounds} pairs: alone ${shown(median(times.alone))}, served ${shown(median(times.served))}`,
  );
  console.log(`  overhead a job (median of pairs): ${shown(median(added))}, ${(100 * median(share)).toFixed(1)} %`);
  console.log(
    `  first step after the call: alone ${shown(median(first.alone))}, by server-sent events ${shown(median(first.served))}`,
  );
  await server.close(0);
  await client.dispose();
}

/** Fifty clients, each with one job after the other, on a backend that does next to nothing: what is left is the server. */
async function underLoad(): Promise<void> {
  const client = createClient({ backend: memoryBackend({ stepMs: 0 }) });
  const server = await serve(client, { port: 0, resultMs: 120_000, maxResultBytes: 16 * 2 ** 20 });
  const waits: number[] = [];
  let [jobs, failures] = [0, 0];
  const until = performance.now() + seconds * 1000;
  const memory: number[] = [];
  const look = setInterval(() => memory.push(heldMiB()), Math.max(2000, (seconds * 1000) / 20));
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (performance.now() < until) {
        const ms = await timed(() => served(server, jobs)).catch(() => undefined);
        if (ms === undefined) failures++;
        else waits.push(ms);
        jobs++;
      }
    }),
  );
  clearInterval(look);
  const sorted = waits.toSorted((a, b) => a - b);
  const at = (share: number) => shown(sorted[Math.floor(sorted.length * share)] ?? 0);
  console.log(
    `  50 clients for ${seconds} s: ${Math.round((jobs / seconds) * 60)} jobs a minute, ${failures} failed; p50 ${at(0.5)}, p99 ${at(0.99)}`,
  );
  console.log(`  memory held (MiB) over the run: ${memory.join(" ")}`);
  await server.close(0);
  await client.dispose();
}

async function alone(client: Client, seed: number): Promise<void> {
  const { images } = await client.generate({ ...request, seed });
  await images[0]!.bytes("png");
}

async function served({ url }: Listening, seed: number): Promise<void> {
  const job = await post(url, seed, "?wait=true");
  const { images } = (await job.json()) as { images: { url: string }[] };
  const picture = await fetch(`${url}${images[0]!.url}`);
  if (picture.status !== 200) throw new Error(`HTTP ${picture.status}`);
  await picture.arrayBuffer();
}

async function firstStepAlone(client: Client, seed: number): Promise<number> {
  const began = performance.now();
  let ms = 0;
  for await (const event of client.generate({ ...request, seed }))
    if (event.type === "progress" && event.phase === "sample") ms ||= performance.now() - began;
  return ms;
}

async function firstStepServed({ url }: Listening, seed: number): Promise<number> {
  const began = performance.now();
  let [ms, text] = [0, ""];
  const stream = await post(url, seed, "", { accept: "text/event-stream" });
  for await (const part of stream.body!.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>) {
    text += part;
    if (text.includes('"phase":"sample"')) ms ||= performance.now() - began;
  }
  return ms;
}

function post(url: string, seed: number, query: string, headers: Record<string, string> = {}): Promise<Response> {
  const body = JSON.stringify({ ...request, seed });
  return fetch(`${url}/v1/jobs${query}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function heldMiB(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return Math.round((heapUsed + external) / 2 ** 20);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function shown(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}
