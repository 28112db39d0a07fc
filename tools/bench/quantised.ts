/**
 * One linear layer in each quantised format and way to compute it: x `[1024, inputs]`, of ordinary size with 12 channels forty times as
 * large (made up; real models differ), times random weights. Prints GFLOP/s by the clock and by processor time, both beside float32 in the
 * same rounds, and errors: against the same weights dequantised (what the arithmetic costs), and against the weights before (what the
 * format costs too).
 *
 *     node --conditions=latentkit-source tools/bench/quantised.ts [outputs] [inputs] [rounds]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { multipliesIntegers } from "../../packages/backend-local/src/engine/multiplies-integers.ts";
import { loadRuntime } from "../../packages/backend-local/src/engine/runtime.ts";
import type { WeightTensor } from "../../packages/backend-local/src/files/safetensors.ts";
import { fileWeights } from "../../packages/backend-local/src/files/weights.ts";
import { GraphBuilder } from "../../packages/backend-local/src/graph/graph-builder.ts";
import { linear } from "../../packages/backend-local/src/graph/linear.ts";
import { Scope } from "../../packages/backend-local/src/graph/scope.ts";
import { sessionOptions } from "../../packages/backend-local/src/graph/session-options.ts";
import type { QuantizeFormat } from "../../packages/backend-local/src/quantise/quantise-format.ts";
import { quantizeModel } from "../../packages/backend-local/src/quantise/quantize-model.ts";
import { writeTensors } from "../../packages/backend-local/src/testing/rewrite-safetensors.ts";

const [outputs = 3840, inputs = 3840, rounds = 4] = process.argv.slice(2).map(Number);
const rows = 1024;
const layer = "double_blocks.0.img_attn.proj";

function normal(length: number): Float32Array {
  return Float32Array.from(
    { length },
    () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()),
  );
}

const runtime = await loadRuntime({ device: "cpu" });
const { InferenceSession: Session, Tensor } = runtime;
const folder = await mkdtemp(join(tmpdir(), "latentkit-bench-"));
const x = normal(rows * inputs).map((value, i) => (i % inputs < 12 ? value * 40 : value));
const plain = join(folder, "f32.safetensors");
const weight = normal(outputs * inputs).map((value) => value * 0.02);
const entry = { name: `${layer}.weight`, dtype: "F32", shape: [outputs, inputs], bytes: new Uint8Array(weight.buffer) };
await writeTensors(plain, [entry]);

interface Way {
  name: string;
  format?: QuantizeFormat;
  product?: WeightTensor["product"];
}
const ways: Way[] = [
  { name: "float32" },
  { name: "fp8, dequantised", format: "fp8" },
  { name: "fp8 scaled, dequantised", format: "fp8_scaled" },
  { name: "int8, dequantised", format: "int8" },
  { name: "int8 in integers (not used)", format: "int8", product: "int8" },
  { name: "int8 ConvRot, dequantised", format: "int8_convrot" },
  { name: "int8 ConvRot in integers", format: "int8_convrot", product: "int8" },
  { name: "Q8_0, dequantised", format: "q8_0" },
  { name: "Q4_0, dequantised", format: "q4_0" },
];

async function open({ format, product }: Way) {
  const path =
    format === undefined ? plain : join(folder, `${format}.${format.startsWith("q") ? "gguf" : "safetensors"}`);
  if (format !== undefined) await quantizeModel(plain, path, { format, overwrite: true });
  const weights = await fileWeights(path);
  const tensor = { ...weights.find(`${layer}.weight`)!, ...(product && { product }) };
  const graph = new GraphBuilder("layer");
  const input = graph.input("x", "float32", [rows, inputs]);
  const scope = new Scope(graph, { ...weights, find: () => tensor }).in(layer);
  const y = linear(scope, input, { inFeatures: inputs, outFeatures: outputs, bias: false });
  graph.output(y, "y", "float32", [rows, outputs]);
  return Session.create(graph.finish(), { ...sessionOptions(graph), ...runtime.sessionOptions });
}

const figures = new Map<string, { wall: number; cpu: number; y: Float32Array }>();
const sessions = [];
for (const way of ways) sessions.push([way, await open(way)] as const);
for (let round = 0; round < rounds; round++) {
  for (const [{ name }, session] of sessions) {
    const [from, used] = [performance.now(), process.cpuUsage()];
    const { y } = await session.run({ x: new Tensor("float32", x, [rows, inputs]) });
    const wall = performance.now() - from;
    const { user, system } = process.cpuUsage(used);
    const best = figures.get(name);
    const cpu = (user + system) / 1000;
    const data = best?.y ?? (y!.data as Float32Array).slice();
    figures.set(name, { wall: Math.min(wall, best?.wall ?? wall), cpu: Math.min(cpu, best?.cpu ?? cpu), y: data });
  }
}

function error(y: Float32Array, reference: Float32Array): string {
  let [apart, size] = [0, 0];
  for (const [i, value] of y.entries()) {
    apart += (value - reference[i]!) ** 2;
    size += reference[i]! ** 2;
  }
  return `${(100 * Math.sqrt(apart / size)).toFixed(2)} %`;
}

const flops = 2 * rows * inputs * outputs;
const base = figures.get("float32")!;
console.log(
  `${rows}×${inputs} · ${inputs}×${outputs}, ${cpus().length} × ${cpus()[0]!.model.trim()}, load ${loadavg()[0]!.toFixed(1)}, ${new Date().toISOString().slice(0, 10)}`,
);
console.log(
  `integer products exact here: ${(await multipliesIntegers(runtime)) ? "yes" : "no"}; best of ${rounds} rounds`,
);
console.log(
  "\n| way | GFLOP/s | to float32 | GFLOP per CPU second | to float32 | error, arithmetic | error, with the format |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- |");
for (const { name, format, product } of ways) {
  const { wall, cpu, y } = figures.get(name)!;
  const dequantised = ways.find((way) => way.format === format && way.product === undefined)!;
  const arithmetic = product === undefined ? "–" : error(y, figures.get(dequantised.name)!.y);
  const rate = (ms: number) => (flops / ms / 1e6).toFixed(0);
  console.log(
    `| ${name} | ${rate(wall)} | ${(base.wall / wall).toFixed(2)} | ${rate(cpu)} | ${(base.cpu / cpu).toFixed(2)} | ${arithmetic} | ${error(y, base.y)} |`,
  );
}
for (const [, session] of sessions) await session.release();
await rm(folder, { recursive: true, force: true });
