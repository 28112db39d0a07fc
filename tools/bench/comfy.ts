/**
 * Jobs on a real ComfyUI server, by this package and by the most used client library, `@saintno/comfyui-sdk`, in turns:
 * what a job costs beside the server's own work, and 200 jobs over one socket that is broken off at every tenth. Then
 * this package's memory over 2,000 jobs on the fake server.
 *
 *     COMFYUI_URL=http://127.0.0.1:8188 node --conditions=latentkit-source --expose-gc tools/bench/comfy.ts [overhead] [breaks] [memory]
 *
 * The other library is fetched into `.cache/bench-comfy`. Without COMFYUI_URL only the memory is measured. The jobs
 * need no model: EmptyImage, ImageScale, PreviewImage.
 */
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { comfy } from "../../packages/backend-comfy/src/index.ts";
import { createClient } from "../../packages/core/src/index.ts";
import { FakeComfy } from "../../packages/testing/src/fakes/comfy/fake-comfy.ts";
import { BreakingProxy } from "./comfy-proxy.ts";
import { latentkit, type Runner, sdk } from "./comfy-runners.ts";

const url = process.env["COMFYUI_URL"];
const library = "@saintno/comfyui-sdk";
const version = "0.3.1";
/** A job that has not ended after this long is lost: it takes a second or two. */
const lostMs = 20_000;
/** A library that loses most jobs is not given more time than this for all of them. */
const patienceMs = 360_000;
/** Every job is a graph of its own: the server's cache must not answer for it. */
let color = Math.floor(Math.random() * 2 ** 23);

const graph = (side: number) => ({
  blank: { class_type: "EmptyImage", inputs: { width: 64, height: 64, batch_size: 1, color: color++ % 2 ** 24 } },
  large: {
    class_type: "ImageScale",
    inputs: { image: ["blank", 0], upscale_method: "bicubic", width: side, height: side, crop: "disabled" },
  },
  save: { class_type: "PreviewImage", inputs: { images: ["large", 0] } },
});

if (process.argv[2] === "fake") await serveFake();
else await main();

async function main(): Promise<void> {
  const date = new Date().toISOString().slice(0, 10);
  console.log(`${date}, ${cpus()[0]?.model} × ${cpus().length}, Node ${process.version}`);
  console.log(`load before: ${loadavg()[0]?.toFixed(1)}`);
  if (url === undefined) console.log("\nCOMFYUI_URL is not set: nothing was run on a real server.");
  else await onRealServer(url);
  if (wanted("memory")) await memory();
}

/** The parts named on the command line, or all. */
function wanted(part: string): boolean {
  const named = process.argv.slice(2);
  return named.length === 0 || named.includes(part);
}

async function onRealServer(server: string): Promise<void> {
  const stats = (await (await fetch(`${server}/system_stats`)).json()) as { system: { comfyui_version?: string } };
  const theirs = await fetchLibrary();
  console.log(`ComfyUI ${stats.system.comfyui_version}; ${library} ${version}`);
  const runners = [latentkit, (at: string) => sdk(theirs, at)];
  if (wanted("overhead")) {
    console.log("\n100 jobs one after the other, each in turn, milliseconds a job beside the server's own work");
    console.log(row(["", "median", "mean", "p95", "failed"]));
    await overhead(await Promise.all(runners.map((make) => make(server))), server, 100);
  }
  if (!wanted("breaks")) return;
  console.log("\n200 jobs over one socket, 4 at a time, the socket broken off at every tenth");
  console.log(row(["", "begun", "ended", "lost", "failed", "doubled", "seconds", "breaks"]));
  for (const make of runners) await breaks(make, server, 200);
}

async function overhead(runners: readonly Runner[], server: string, jobs: number): Promise<void> {
  const costs = runners.map((): number[] => []);
  const failed = runners.map(() => 0);
  for (let i = -5; i < jobs; i++) {
    for (const [which, runner] of runners.entries()) {
      const began = performance.now();
      const promptId = await runner.run(graph(64)).then(
        (ended) => ended.promptId,
        () => undefined,
      );
      const wall = performance.now() - began;
      if (promptId === undefined) failed[which]!++;
      else if (i >= 0) costs[which]!.push(wall - (await serverMs(server, promptId)));
    }
  }
  for (const [which, runner] of runners.entries()) {
    await runner.close();
    const sorted = costs[which]!.sort((a, b) => a - b);
    const mean = sorted.reduce((sum, cost) => sum + cost, 0) / sorted.length;
    const at = (share: number) => sorted[Math.floor(sorted.length * share)]!.toFixed(1);
    console.log(row([runner.name, at(0.5), mean.toFixed(1), at(0.95), failed[which]!]));
  }
}

/** The server's own account: from `execution_start` to `execution_success`. */
async function serverMs(server: string, promptId: string): Promise<number> {
  type Entry = { status: { messages: [string, { timestamp: number }][] } };
  const history = (await (await fetch(`${server}/history/${promptId}`)).json()) as Record<string, Entry>;
  const messages = new Map(history[promptId]?.status.messages);
  return (messages.get("execution_success")?.timestamp ?? 0) - (messages.get("execution_start")?.timestamp ?? 0);
}

async function breaks(make: (at: string) => Promise<Runner>, server: string, jobs: number): Promise<void> {
  const proxy = await BreakingProxy.start(server, 10);
  const runner = await make(proxy.url);
  const tally = { ended: 0, lost: 0, failed: 0, begun: 0 };
  const before = await historyIds(server);
  const began = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next++ < jobs && performance.now() - began < patienceMs) {
      tally.begun++;
      const outcome = await Promise.race([
        runner.run(graph(768)).then(
          ({ pictures }) => (pictures === 1 ? "ended" : "failed"),
          () => "failed",
        ),
        new Promise<"lost">((resolve) => setTimeout(resolve, lostMs, "lost").unref()),
      ]);
      tally[outcome as keyof typeof tally]++;
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const ran = [...(await historyIds(server))].filter((id) => !before.has(id)).length;
  await runner.close();
  await proxy.stop();
  const doubled = Math.max(0, ran - tally.begun);
  const { begun, ended, lost, failed } = tally;
  console.log(row([runner.name, begun, ended, lost, failed, doubled, seconds, proxy.breaks]));
}

async function historyIds(server: string): Promise<Set<string>> {
  return new Set(Object.keys((await (await fetch(`${server}/history`)).json()) as object));
}

/** Heap in use after collection, while 2,000 jobs pass. The fake lives in a process of its own. */
async function memory(): Promise<void> {
  if (globalThis.gc === undefined) {
    console.log("\nmemory: not measured, run with --expose-gc");
    return;
  }
  const child = fork(new URL(import.meta.url), ["fake"], { execArgv: process.execArgv });
  const [address] = (await once(child, "message")) as [string];
  const runner = await latentkit(address);
  const client = createClient({ backend: comfy({ url: address }) });
  console.log("\nheap in use on this side, MB, after so many jobs on the fake server");
  const marks: string[] = [];
  for (let done = 0; done <= 2000; done += 4) {
    if (done % 400 === 0 || done === 200) {
      globalThis.gc();
      marks.push(`${done}: ${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(1)}`);
    }
    // Half of them workflows, half of them requests.
    const size = { width: 64, height: 64, steps: 1 };
    const requests = [0, 1].map((i) => client.generate({ prompt: "a fox", seed: done + i, previewEvery: 1, ...size }));
    await Promise.all([...requests, runner.run(fakeGraph()), runner.run(fakeGraph())]);
  }
  console.log(marks.join("   "));
  await Promise.all([runner.close(), client.dispose()]);
  child.kill();
}

function fakeGraph() {
  return {
    blank: { class_type: "EmptyLatentImage", inputs: { width: 64, height: 64, batch_size: 1 } },
    checkpoint: { class_type: "CheckpointLoaderSimple", inputs: { ckpt_name: "tiny.safetensors" } },
    large: { class_type: "VAEDecode", inputs: { samples: ["blank", 0], vae: ["checkpoint", 2] } },
    save: { class_type: "SaveImage", inputs: { images: ["large", 0], filename_prefix: `job-${color++}` } },
  };
}

async function serveFake(): Promise<void> {
  const fake = await FakeComfy.start();
  process.send?.(fake.url);
}

async function fetchLibrary(): Promise<string> {
  const folder = new URL("../../.cache/bench-comfy/", import.meta.url);
  const entry = new URL(`node_modules/${library}/build/index.esm.js`, folder);
  if (!existsSync(entry)) {
    await mkdir(folder, { recursive: true });
    const flags = ["install", "--no-save", "--omit=peer", "--legacy-peer-deps", "--ignore-scripts", "--prefix"];
    await promisify(execFile)("npm", [...flags, folder.pathname, `${library}@${version}`]);
  }
  return pathToFileURL(entry.pathname).href;
}

function row(cells: (string | number)[]): string {
  return cells.map((cell, i) => (i === 0 ? String(cell).padEnd(22) : String(cell).padStart(9))).join("");
}
