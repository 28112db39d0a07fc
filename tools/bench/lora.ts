/**
 * What a LoRA costs at Stable Diffusion 1.5's size (random weights): milliseconds to switch from one to another, and what share of a step that is; a step
 * with one beside a step without; and what merging it into the weights would cost instead: each changed layer's product and sum, and loading
 * the network anew. Then the engine's memory over many switches.
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
const plain = [await run(undefined), await run(undefined)];
await run(files[0]);
const same = [await run(files[0]), await run(files[0])];
const switched = [await run(files[1]), await run(files[0]), await run(files[1])];
const overhead = (all: typeof plain) =>
  median(all.map(({ totalMs, sampleMs, decodeMs, queueMs }) => totalMs - sampleMs - decodeMs - queueMs));
const stepMs = median(plain.map((each) => each.stepMs));
const switchMs = Math.max(0, overhead(switched) - overhead(same));
const strength = await client.generate({ ...base, loras: [{ model: files[1]!, strength: 0.9 }] });
const strengthMs = Math.max(
  0,
  strength.timings.totalMs -
    strength.timings.sampleMs -
    strength.timings.decodeMs -
    strength.timings.queueMs -
    overhead(same),
);

const pictures = await memoryOver(switches);
await client.dispose();
const merging = await mergeCost();
process.stdout.write(
  `${JSON.stringify(
    {
      ...circumstances(),
      size: `${side}×${side}, ${layers.length} layers of rank ${rank}`,
      stepMs: round(stepMs),
      stepWithLoraMs: round(median(same.map((each) => each.stepMs))),
      stepWithLoraRatio: round(median(same.map((each) => each.stepMs)) / stepMs),
      switchMs: round(switchMs),
      switchShareOfStep: round(switchMs / stepMs),
      otherStrengthMs: round(strengthMs),
      merging,
      mergingToSwitching: round((merging.productsMs + merging.loadMs) / Math.max(1, switchMs)),
      memoryMB: pictures,
    },
    null,
    2,
  )}\n`,
);

/** The engine's memory of its own while LoRAs are switched without a step between them. */
async function memoryOver(count: number): Promise<Record<string, number>> {
  const [engine] = await enginesOf(process.pid);
  const own = async () => {
    const status = await readFile(`/proc/${engine}/status`, "utf8");
    return Math.round(Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024);
  };
  const figures: Record<string, number> = {};
  // A picture that is kept as it is takes no step: the LoRA is read, its network is made ready and fed.
  const picture = (await client.generate({ ...base, width: 64, height: 64, steps: 1 })).images[0]!;
  const image = await picture.bytes();
  for (let i = 0; i <= count; i++) {
    await client.generate({ prompt: "a", image, strength: 0, loras: [{ model: files[i % 2]!, strength: 0.5 }] });
    if (i % Math.max(1, Math.floor(count / 4)) === 0) figures[`after ${i} switches`] = await own();
  }
  return figures;
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
