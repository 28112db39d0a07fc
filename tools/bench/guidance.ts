/**
 * What leaving out the unconditional pass saves: the same pictures of the embedded model with guidance 1 and with guidance 4, through the
 * public API, in turn, so that what else the machine does meets both.
 *
 *     node --conditions=latentkit-source tools/bench/guidance.ts [steps]
 */
import { cpus, loadavg } from "node:os";
import { local } from "../../packages/backend-local/src/index.ts";
import { createClient } from "../../packages/core/src/index.ts";

const REPEATS = 15;
const steps = Number(process.argv[2] ?? 20);
const client = createClient({ backend: local() });
const times = new Map<number, { sampleMs: number[]; totalMs: number[] }>([
  [4, { sampleMs: [], totalMs: [] }],
  [1, { sampleMs: [], totalMs: [] }],
]);
let size = "";
try {
  for (let i = 0; i <= REPEATS; i++) {
    for (const [guidanceScale, { sampleMs, totalMs }] of times) {
      const { timings, recipe } = await client.generate({
        prompt: "a red apple on a blue background",
        seed: i,
        steps,
        guidanceScale,
      });
      size = `${recipe.request.width}×${recipe.request.height}`;
      // The first of each loads and warms up.
      if (i === 0) continue;
      sampleMs.push(timings.sampleMs ?? Number.NaN);
      totalMs.push(timings.totalMs ?? Number.NaN);
    }
  }
} finally {
  await client.dispose();
}

const [guided, plain] = [times.get(4)!, times.get(1)!];
console.log(
  `guidance 1 beside guidance 4: the embedded model, ${size}, ${steps} steps, fastest and median of ${REPEATS}`,
);
console.log(
  `  ${new Date().toISOString().slice(0, 10)}, node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loadavg()[0]?.toFixed(1)}`,
);
line("sampling", guided.sampleMs, plain.sampleMs);
line("request to result", guided.totalMs, plain.totalMs);

function line(name: string, withIt: number[], without: number[]): void {
  const part = (pick: (values: number[]) => number) =>
    `${pick(withIt).toFixed(0)} ms with it, ${pick(without).toFixed(0)} ms without, ${((1 - pick(without) / pick(withIt)) * 100).toFixed(0)} % saved`;
  console.log(`  ${name.padEnd(18)} ${part((values) => Math.min(...values))}; median ${part(median)}`);
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
