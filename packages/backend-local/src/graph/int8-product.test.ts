import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import { multipliesIntegers } from "../engine/multiplies-integers.ts";
import { loadRuntime } from "../engine/runtime.ts";
import { readTensor } from "../files/read-tensor.ts";
import { fileWeights } from "../files/weights.ts";
import { int8Rows } from "../quantise/quantise-rows.ts";
import { writeTensors } from "../testing/rewrite-safetensors.ts";
import { temporaryFolder } from "../testing/test-model.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { suitsIntegers } from "./int8-product.ts";
import { linear } from "./linear.ts";
import { Scope } from "./scope.ts";
import { sessionOptions } from "./session-options.ts";

const [rows, inputs, outputs] = [24, 1024, 1280];
const noise = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed + i * 12.9898) * Math.cos(i * 4.1414 + seed));

/** x of ordinary size with some channels forty times as large, as transformers have them. */
function inputWithOutliers(): Float32Array {
  return noise(rows * inputs, 3).map((value, i) => (i % inputs < 4 ? value * 40 : value));
}

async function layer(rotation: number) {
  const { bytes, scales } = int8Rows(noise(outputs * inputs, 1), inputs, rotation);
  const path = join(await temporaryFolder(), "layer.safetensors");
  const format = Buffer.from(JSON.stringify({ format: "int8_tensorwise", convrot: true, convrot_groupsize: rotation }));
  await writeTensors(
    path,
    [
      { name: "weight", dtype: "I8", shape: [outputs, inputs], bytes },
      { name: "weight_scale", dtype: "F32", shape: [outputs, 1], bytes: new Uint8Array(scales!.buffer) },
      { name: "comfy_quant", dtype: "U8", shape: [format.length], bytes: format },
    ].map((tensor) => ({ ...tensor, name: `a.${tensor.name}` })),
  );
  return fileWeights(path);
}

test("inputs of a known shape, of two dimensions", async () => {
  const weights = await layer(256);
  const graph = new GraphBuilder("layer");
  const scope = new Scope(graph, { ...weights, find: () => ({ ...weights.find("a.weight")!, product: "int8" }) });
  const input = graph.input("x", "float32", [rows, inputs]);
  const y = linear(scope.in("a"), input, { inFeatures: inputs, outFeatures: outputs, bias: false });
  graph.output(y, "y", "float32", [rows, outputs]);
  const session = await InferenceSession.create(graph.finish(), sessionOptions(graph));
  const found = await session.run({ x: new Tensor("float32", inputWithOutliers(), [rows, inputs]) });
  expect(found.y!.dims).toEqual([rows, outputs]);
});

test("a rotated layer's integer product is its dequantised weight's, but for the rounding of its input", async () => {
  const weights = await layer(256);
  const tensor = weights.find("a.weight")!;
  expect(suitsIntegers(tensor)).toBe(true);
  const [x, w] = [inputWithOutliers(), await readTensor(tensor)];
  const run = async (product: "int8" | undefined, from: number) => {
    const graph = new GraphBuilder("layer");
    const found = { ...tensor, ...(product && { product }) };
    const scope = new Scope(graph, { ...weights, find: () => found }).in("a");
    const input = graph.input("x", "float32", ["batch", "tokens", inputs]);
    const sizes = { inFeatures: inputs, outFeatures: outputs, bias: false, rows: [from, outputs] as const };
    graph.output(linear(scope, input, sizes), "y", "float32", ["batch", "tokens", outputs - from]);
    const session = await InferenceSession.create(graph.finish(), sessionOptions(graph));
    const { y } = await session.run({ x: new Tensor("float32", x, [2, rows / 2, inputs]) });
    expect(y!.dims).toEqual([2, rows / 2, outputs - from]);
    let [apart, size] = [0, 0];
    for (const [at, value] of (y!.data as Float32Array).entries()) {
      const [row, output] = [Math.floor(at / (outputs - from)), from + (at % (outputs - from))];
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += x[row * inputs + i]! * w[output * inputs + i]!;
      apart += (value - sum) ** 2;
      size += sum ** 2;
    }
    return Math.sqrt(apart / size);
  };
  expect(await run(undefined, 0)).toBeLessThan(1e-5);
  expect(await run(undefined, 640)).toBeLessThan(1e-5);
  if (!(await multipliesIntegers(await loadRuntime({ device: "cpu" })))) return;
  for (const from of [0, 640]) {
    const error = await run("int8", from);
    expect(error).toBeGreaterThan(1e-4);
    expect(error).toBeLessThan(0.02);
  }
});
