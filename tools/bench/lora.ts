/**
 * What a LoRA costs at Stable Diffusion 1.5's size (random weights): milliseconds to switch from one to another (their files are read each time, from
 * the system's cache), and what share of a step that is; a step with one beside a step without; and what merging it into the weights would cost
 * instead: each changed layer's product and sum, and loading the network anew. The engine's memory of its own, over the switches.
 *
 *     node --conditions=latentkit-source tools/bench/lora.ts [side] [switches]
 *
 * LoRAs are of rank 16, over all attention layers of the UNet (kohya's usual 192). The UNet's file, 1.7 GB, stays in the system's temporary folder.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@latentkit/core";
import { loadRuntime } from "../../packages/backend-local/src/engine/runtime.ts";
import { GraphBuilder } from "../../packages/backend-local/src/graph/graph-builder.ts";
import { local } from "../../packages/backend-local/src/local.ts";
import { buildUNet } from "../../packages/backend-local/src/networks/unet-2d-condition/unet-2d-condition.ts";
import { enginesOf } from "../../packages/backend-local/src/testing/test-engine.ts";
import { benchFolder, circumstances, median, round, sd15, sd15Folder } from "./bench-model.ts";
import { wantedTensors, writeRandomWeights } from "./random-weights.ts";

const side = Number(process.argv[2] ?? 512);
const switches = Number(process.argv[3] ?? 200);
const rank = 16;
const model = await sd15Folder();

/** Attention layers, as kohya's trainer takes them. */
const layers = [...wantedTensors((weights) => buildUNet(sd15, weights))]
  .filter(
    ([name, shape]) =>
      /attentions/.test(name) &&
      /(to_[qkv]|to_out\.0|proj|proj_in|proj_out|net\.2)\.weight$/.test(name) &&
      shape.length > 1,
  )
  .map(([name, shape]) => [name.replace(/\.weight$/, ""), shape] as const);

async function loraFile(name: string): Promise<string> {
  const path = join(benchFolder, `${name}.safetensors`);
  const tensors = new Map<string, readonly number[]>();
  for (const [layer, [out = 0, inputs = 0, ...kernel]] of layers) {
    const key = `lora_unet_${layer.replaceAll(".", "_")}`;
    const point = kernel.map(() => 1);
    tensors.set(`${key}.lora_down.weight`, [rank, inputs, ...kernel]);
    tensors.set(`${key}.lora_up.weight`, [out, rank, ...point]);
  }
  if (!existsSync(path)) await writeRandomWeights(path, tensors, "F16");
  return path;
}
const files = await Promise.all(["lora-a", "lora-b"].map(loraFile));

const backend = local({ model, idleMs: Number.POSITIVE_INFINITY });
const client = createClient({ backend });
const base = { prompt: "a red apple", seed: 3, width: side, height: side, guidanceScale: 1, steps: 2 };
const run = async (file: string | undefined, fields: object = {}) => {
  const loras = file === undefined ? [] : [{ model: file, strength: 0.5 }];
  const { timings } = await client.generate({ ...base, loras, ...fields });
  return { ...timings, stepMs: timings.sampleMs / base.steps };
};

await run(undefined);
const plain = [await run(undefined), await run(undefined), await run(undefined)];
await run(files[0]);
const adapted = [await run(files[0]), await run(files[0]), await run(files[0])];
const stepMs = median(plain.map((each) => each.stepMs));
const withLoraMs = median(adapted.map((each) => each.stepMs));

// A picture that is kept as it is takes no step: the LoRA is read, its network is made ready and fed.
const image = await (await client.generate({ ...base, width: 64, height: 64, steps: 1 })).images[0]!.bytes();
const kept = async (file: string | undefined, strength = 0.5) => {
  const from = performance.now();
  await client.generate({ prompt: "a", image, strength: 0, loras: [{ model: file!, strength }] });
  return performance.now() - from;
};
const memoryMB: Record<string, number> = {};
const times: Record<"same" | "other" | "strength", number[]> = { same: [], other: [], strength: [] };
for (let i = 0; i <= switches; i++) {
  times.other.push(await kept(files[i % 2]));
  if (i % Math.max(1, Math.floor(switches / 4)) === 0) memoryMB[`after ${i} switches`] = await ownMemory();
}
for (let i = 0; i < 20; i++) times.same.push(await kept(files[switches % 2]));
for (let i = 0; i < 20; i++) times.strength.push(await kept(files[0], 0.3 + i / 100));
const sameMs = median(times.same);
const switchMs = median(times.other) - sameMs;
await client.dispose();
const merging = await mergeCost();
process.stdout.write(
  `${JSON.stringify(
    {
      ...circumstances(),
      size: `${side}×${side}, without guidance, ${layers.length} layers of rank ${rank}`,
      stepMs: round(stepMs),
      stepWithLoraMs: round(withLoraMs),
      stepWithLoraRatio: round(withLoraMs / stepMs),
      switchMs: round(switchMs),
      switchShareOfStep: round(switchMs / stepMs),
      otherStrengthMs: round(median(times.strength) - sameMs),
      merging,
      mergingToSwitching: round((merging.productsMs + merging.loadMs) / switchMs),
      memoryMB,
    },
    null,
    2,
  )}\n`,
);

/** The engine's memory of its own. */
async function ownMemory(): Promise<number> {
  const [engine] = await enginesOf(process.pid);
  const status = await readFile(`/proc/${engine}/status`, "utf8");
  return Math.round(Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

/** The products and sums that merging takes, and a new session. */
async function mergeCost(): Promise<{ productsMs: number; loadMs: number }> {
  const { InferenceSession: Session, Tensor, sessionOptions } = await loadRuntime({ device: "cpu" });
  const graph = new GraphBuilder("merge");
  const [up, down, weight] = [
    graph.input("up", "float32", ["out", "rank"]),
    graph.input("down", "float32", ["rank", "in"]),
    graph.input("weight", "float32", ["out", "in"]),
  ];
  graph.output(graph.node("Add", [graph.node("MatMul", [up, down]), weight]), "merged", "float32", ["out", "in"]);
  const session = await Session.create(graph.finish(), sessionOptions);
  let productsMs = 0;
  for (const [, [out = 0, ...rest]] of layers) {
    const inputs = rest.reduce((product, size) => product * size, 1);
    const feeds = {
      up: new Tensor("float32", new Float32Array(out * rank), [out, rank]),
      down: new Tensor("float32", new Float32Array(rank * inputs), [rank, inputs]),
      weight: new Tensor("float32", new Float32Array(out * inputs), [out, inputs]),
    };
    const from = performance.now();
    await session.run(feeds);
    productsMs += performance.now() - from;
  }
  const fresh = local({ model });
  const { timings } = await createClient({ backend: fresh }).generate({ ...base, steps: 1, width: 64, height: 64 });
  await fresh.dispose();
  return { productsMs: round(productsMs), loadMs: round(timings.loadMs) };
}
