/**
 * One subject of tools/bench/replicate.ts: starts so many predictions at once, waits for all, prints its own figures as
 * JSON. `node --conditions=latentkit-source tools/bench/replicate-subject.ts <subject> <count> <port>`
 */
import { monitorEventLoopDelay } from "node:perf_hooks";

const [, , subject = "latentkit", countText = "1000", port = ""] = process.argv;
const count = Number(countText);
const base = `http://127.0.0.1:${port}/v1`;
const model = `acme/painter:${"a".repeat(64)}` as const;
const token = "r8_stub_0123456789abcdef";

const start = await prepare();
globalThis.gc?.();
const before = process.memoryUsage().rss;
let peak = before;
const sampling = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss);
}, 50);
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const cpu = process.cpuUsage();
let liveMb = 0;
const heapBefore = process.memoryUsage().heapUsed;
const looking = setTimeout(() => {
  globalThis.gc?.();
  liveMb = (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20;
}, 4000);
const from = performance.now();
const ends = await Promise.allSettled(Array.from({ length: count }, (_, seed) => start(seed)));
const seconds = (performance.now() - from) / 1000;
const { user, system } = process.cpuUsage(cpu);
delay.disable();
clearInterval(sampling);
clearTimeout(looking);
const errors: Record<string, number> = {};
for (const end of ends) {
  if (end.status === "fulfilled") continue;
  const { name, details } = end.reason as { name: string; details?: { outcome?: string } };
  const key = details?.outcome === "unknown" ? "outcome unknown" : name;
  errors[key] = (errors[key] ?? 0) + 1;
}
console.log(
  JSON.stringify({
    completed: ends.filter(({ status }) => status === "fulfilled").length,
    errors,
    seconds,
    cpuMs: (user + system) / 1000,
    liveMb,
    peakMb: (peak - before) / 2 ** 20,
    delayP99: delay.percentile(99) / 1e6,
    delayMax: delay.max / 1e6,
  }),
);
process.exit(0);

/** Brings the client up, so that only the predictions are measured. */
async function prepare(): Promise<(seed: number) => Promise<unknown>> {
  const [kind, mode] = subject.split(":");
  if (kind === "official") {
    const { default: Replicate } = await import("replicate");
    const replicate = new Replicate({ auth: token, baseUrl: base });
    const wait = mode === "poll" ? ({ mode: "poll" } as const) : undefined;
    return (seed) => replicate.run(model, { input: { prompt: "a", seed }, ...(wait === undefined ? {} : { wait }) });
  }
  const { createClient } = await import("../../packages/core/src/index.ts");
  const { replicate } = await import("../../packages/backend-replicate/src/index.ts");
  const unlimited = { createsPerMinute: Number.POSITIVE_INFINITY, callsPerMinute: Number.POSITIVE_INFINITY };
  const wait = mode === "wait" ? { wait: 60 } : {};
  const client = createClient({ backend: replicate({ model, url: base, token, rateLimit: unlimited, ...wait }) });
  await client.capabilities();
  return async (seed) => client.generate({ prompt: "a", seed });
}
