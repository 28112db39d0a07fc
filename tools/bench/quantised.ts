/**
 * One linear layer in each quantised format and way to compute it: x `[rows, inputs]`, 1024 unless given,, of ordinary size with 12 channels forty times as
 * large (made up; real models differ), times random weights. Prints GFLOP/s by the clock and by processor time, both beside float32 in the
 * same rounds, and errors: against the same weights dequantised (what the arithmetic costs), and against the weights before (what the
 * format costs too).
 *
 * GGUF's Q8_0 also by MatMulNBits, which the engine does not use (docs/decisions/063-blocks-laid-out.md).
 *
 *     node --conditions=latentkit-source tools/bench/quantised.ts [outputs] [inputs] [rounds] [rows]
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { planSession } from "../../packages/backend-local/src/devices/session.ts";
import { multipliesIntegers } from "../../packages/backend-local/src/engine/multiplies-integers.ts";
import { loadRuntime } from "../../packages/backend-local/src/engine/runtime.ts";
import type { WeightTensor } from "../../packages/backend-local/src/files/safetensors.ts";
import { fromHalf } from "../../packages/backend-local/src/files/to-float32.ts";
import { fileWeights } from "../../packages/backend-local/src/files/weights.ts";
import { GraphBuilder, type Value } from "../../packages/backend-local/src/graph/graph-builder.ts";
import { linear } from "../../packages/backend-local/src/graph/linear.ts";
import { Scope } from "../../packages/backend-local/src/graph/scope.ts";
import { networkGraph } from "../../packages/backend-local/src/networks/network-graph.ts";
import type { QuantizeFormat } from "../../packages/backend-local/src/quantise/quantise-format.ts";
import { quantizeModel } from "../../packages/backend-local/src/quantise/quantize-model.ts";
import { writeTensors } from "../../packages/backend-local/src/testing/rewrite-safetensors.ts";

const [outputs = 3840, inputs = 3840, rounds = 4, rows = 1024] = process.argv.slice(2).map(Number);
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
  /** MatMulNBits in the place of what the engine does: how it computes with x, 0 in float32 and 4 in 8 bits. */
  accuracy?: 0 | 4;
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
  { name: "Q8_0, MatMulNBits in float32 (not used)", format: "q8_0", accuracy: 0 },
  { name: "Q8_0, MatMulNBits in 8 bits (not used)", format: "q8_0", accuracy: 4 },
  { name: "Q4_0, dequantised", format: "q4_0" },
  { name: "Q4_0, laid out for MatMulNBits", format: "q4_0", product: "blocks" },
];

/** Q8_0's blocks apart, as MatMulNBits wants them: numbers without a sign, in a file of their own, and scales. */
async function eightBits(graph: GraphBuilder, input: Value, tensor: WeightTensor, level: number): Promise<Value> {
  const bytes = (await readFile(tensor.file)).subarray(tensor.offset, tensor.offset + tensor.length);
  const count = (outputs * inputs) / 32;
  const [values, scales] = [Buffer.alloc(count * 32), Buffer.alloc(count * 4)];
  for (let block = 0; block < count; block++) {
    scales.writeFloatLE(fromHalf(bytes.readUInt16LE(block * 34)), block * 4);
    for (let i = 0; i < 32; i++) values[block * 32 + i] = bytes[block * 34 + 2 + i]! ^ 0x80;
  }
  const file = join(folder, `${tensor.dtype}.apart`);
  await writeFile(file, Buffer.concat([values, scales]));
  const part = (from: number, type: "uint8" | "float32", dims: number[], length: number) =>
    graph.stored({ tensor: { ...tensor, file, name: tensor.dtype, offset: 0 }, type, dims, from, length });
  const weight = part(0, "uint8", [outputs, inputs / 32, 32], values.length);
  const scale = part(values.length, "float32", [outputs, inputs / 32], scales.length);
  graph.packs = true;
  const attributes = { K: inputs, N: outputs, bits: 8, block_size: 32, accuracy_level: level };
  return graph.node("MatMulNBits", [input, weight, scale], {
    domain: "com.microsoft",
    attributes: Object.fromEntries(Object.entries(attributes).map(([name, int]) => [name, { int }])),
  });
}

async function open({ format, product, accuracy }: Way) {
  const path =
    format === undefined ? plain : join(folder, `${format}.${format.startsWith("q") ? "gguf" : "safetensors"}`);
  if (format !== undefined) await quantizeModel(plain, path, { format, overwrite: true });
  const weights = await fileWeights(path);
  const tensor = { ...weights.find(`${layer}.weight`)!, ...(product && { product }) };
  const graph = new GraphBuilder("layer");
  const input = graph.input("x", "float32", [rows, inputs]);
  const scope = new Scope(graph, { ...weights, find: () => tensor }).in(layer);
  const y =
    accuracy === undefined
      ? linear(scope, input, { inFeatures: inputs, outFeatures: outputs, bias: false })
      : await eightBits(graph, input, tensor, accuracy);
  graph.output(y, "y", "float32", [rows, outputs]);
  const plan = await planSession(networkGraph(graph), runtime.device, runtime.sessionOptions, Session);
  const session = await Session.create(plan.model as Uint8Array, plan.options);
  await plan.dispose();
  return session;
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
for (const { name, format, product, accuracy } of ways) {
  const { wall, cpu, y } = figures.get(name)!;
  const dequantised = ways.find((way) => way.format === format)!;
  const arithmetic = product === undefined && accuracy === undefined ? "–" : error(y, figures.get(dequantised.name)!.y);
  const rate = (ms: number) => (flops / ms / 1e6).toFixed(0);
  console.log(
    `| ${name} | ${rate(wall)} | ${(base.wall / wall).toFixed(2)} | ${rate(cpu)} | ${(base.cpu / cpu).toFixed(2)} | ${arithmetic} | ${error(y, base.y)} |`,
  );
}
for (const [, session] of sessions) await session.release();
await rm(folder, { recursive: true, force: true });
