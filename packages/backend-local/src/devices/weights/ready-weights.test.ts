import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { WeightTensor } from "../../files/safetensors.ts";
import { fileWeights } from "../../files/weights.ts";
import { GraphBuilder } from "../../graph/graph-builder.ts";
import type { OnnxModel } from "../../graph/onnx-model.ts";
import { sessionOptions } from "../../graph/session-options.ts";
import { quantisedUnet } from "../../testing/quantised.ts";
import { writeTensors } from "../../testing/rewrite-safetensors.ts";
import { temporaryFolder } from "../../testing/test-model.ts";
import { type Dialect, dialectOf } from "../dialect.ts";
import { planSession } from "../session.ts";
import { readyWeights } from "./ready-weights.ts";

const well = { float16: true, attention: true, dequantize: true };
const webgpu = dialectOf("webgpu", well);
const small = 16_384;
const count = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** A graph that gives weights, each times an input, in their own shapes. */
function graphOf(tensors: readonly WeightTensor[]) {
  const graph = new GraphBuilder("weights");
  const x = graph.input("x", "float32", []);
  for (const tensor of tensors)
    graph.output(
      graph.node("Mul", [graph.weight(tensor, tensor.shape), x]),
      `of ${tensor.name}`,
      "float32",
      tensor.shape,
    );
  const { inputs, outputs } = graph;
  return { built: graph.built(), model: graph.finish(), sessionOptions: sessionOptions(graph), inputs, outputs };
}

type Graph = ReturnType<typeof graphOf>;
const x = new Tensor("float32", [1], []);

async function onCpu({ model, sessionOptions: options }: Graph) {
  return (await InferenceSession.create(model, options)).run({ x });
}

/** What a device of this dialect computes, the CPU in its place. */
async function planned(graph: Graph, dialect: Dialect) {
  const device = { name: "webgpu", provider: "cpu", dialect, precision: "float32", reason: "a test" } as const;
  const { model, options, dispose } = await planSession(graph, device, {}, InferenceSession);
  const session = await InferenceSession.create(model as Uint8Array, options);
  await dispose();
  return session.run({ x });
}

/** Bytes that a device is given of its weights. */
const bytesOf = ({ initializers }: OnnxModel) =>
  initializers.reduce((sum, { data }) => sum + (data instanceof Uint8Array ? data.byteLength : data.length), 0);

const largeOf = async (path: string) => {
  const weights = await fileWeights(path);
  const all = [...weights.names()].map((name) => weights.find(name)!);
  return all.filter(({ shape }) => shape.length > 1 && count(shape) > small);
};

// A byte for each number and float32 scales; a second list of scales is what blocks are moved by. float8 becomes float16.
const files = [
  ["int8.safetensors", 1.1],
  ["int8_convrot.safetensors", 1.1],
  ["fp8_scaled.safetensors", 2.05],
  ["fp8_plain.safetensors", 2.05],
  ["q8_0.gguf", 1.2],
  ["q4_k.gguf", 1.35],
] as const;

describe.each(files)("%s", (name, bytes) => {
  test("weights are the same numbers on a device, in few bytes and by operators that it has", async () => {
    const large = (await largeOf(await quantisedUnet(name))).filter(({ dtype }) => !["F16", "F32"].includes(dtype));
    expect(large.length).toBeGreaterThan(0);
    const graph = graphOf(large);
    const { model, dispose } = await readyWeights(graph.built, graph.built, webgpu.takes, InferenceSession);
    await dispose();
    const known = [
      "Cast",
      "DequantizeLinear",
      "Mul",
      "Add",
      "Sub",
      "Reshape",
      "Shape",
      "MatMul",
      "Constant",
      "Unsqueeze",
    ];
    expect(model.nodes.map(({ op }) => op).filter((op) => !known.includes(op) && op !== "Identity")).toEqual([]);
    // A rotation is written once, 256 KB.
    const rotations = name.includes("convrot") ? 262_144 : 0;
    const numbers = large.reduce((sum, { shape }) => sum + count(shape), 0);
    expect((bytesOf(model) - rotations) / numbers).toBeLessThan(bytes);
    const [right, mine] = [await onCpu(graph), await planned(graph, webgpu)];
    for (const output of Object.keys(right)) {
      const [a, b] = [right[output]!.data as Float32Array, mine[output]!.data as Float32Array];
      expect(
        a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0),
        output,
      ).toBe(0);
    }
  });
});

test("a device that has nothing but float32 is given that", async () => {
  const graph = graphOf(await largeOf(await quantisedUnet("q4_k.gguf")));
  const none = dialectOf("coreml", { float16: false, attention: false, dequantize: false });
  const { model, dispose } = await readyWeights(graph.built, graph.built, none.takes, InferenceSession);
  await dispose();
  expect(new Set(model.nodes.map(({ op }) => op))).toEqual(new Set(["Mul", "Identity"]));
  const [right, mine] = [await onCpu(graph), await planned(graph, none)];
  for (const output of Object.keys(right)) expect(mine[output]!.data).toEqual(right[output]!.data);
});

describe("bfloat16", () => {
  const side = 160;
  const file = async (values: readonly number[]) => {
    const path = join(await temporaryFolder(), "bf16.safetensors");
    const all = Float32Array.from({ length: side * side }, (_, i) => values[i % values.length]!);
    const bits = Uint16Array.from(new Uint32Array(all.buffer), (word) => word >>> 16);
    await writeTensors(path, [{ name: "w", dtype: "BF16", shape: [side, side], bytes: new Uint8Array(bits.buffer) }]);
    return graphOf(await largeOf(path));
  };

  test("lies in float16 on a device without it, but for what is below 2^-24", async () => {
    const graph = await file([0.015625, -3, 1.5e-6, 0, -0.3359375, 60_000]);
    const { model, dispose } = await readyWeights(graph.built, graph.built, webgpu.takes, InferenceSession);
    await dispose();
    expect(bytesOf(model)).toBe(2 * side * side);
    const [right, mine] = [await onCpu(graph), await planned(graph, webgpu)];
    const [a, b] = [right["of w"]!.data as Float32Array, mine["of w"]!.data as Float32Array];
    for (const [i, value] of a.entries()) expect(Math.abs(value - b[i]!)).toBeLessThan(2 ** -24);
  });

  test("is float32 where it is beyond float16's range", async () => {
    const graph = await file([1, 70_000]);
    const { model, dispose } = await readyWeights(graph.built, graph.built, webgpu.takes, InferenceSession);
    await dispose();
    expect(bytesOf(model)).toBe(4 * side * side);
    expect((await planned(graph, webgpu))["of w"]!.data).toEqual((await onCpu(graph))["of w"]!.data);
  });

  test("what an engine left that was killed as it loaded is gone after the next one", async () => {
    // No process has so high a number.
    const left = join(tmpdir(), "latentkit-weights-99999999-killed");
    writeFileSync(left, "weights");
    await planned(await file([1, 2]), webgpu);
    expect(existsSync(left)).toBe(false);
  });

  test("a temporary folder that can't be written to is said to be at fault, by its name and the variable", async () => {
    const graph = await file([1, 2]);
    const none = join(await temporaryFolder(), "none");
    vi.stubEnv("TMPDIR", none).stubEnv("TEMP", none);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(readyWeights(graph.built, graph.built, webgpu.takes, InferenceSession)).rejects.toThrow(
      /made ready for it in .*none, which fails \(ENOENT.*set TMPDIR/,
    );
  });

  test("and the file that weights are made ready in is gone once they are loaded", async () => {
    await planned(await file([1, 2]), webgpu);
    const mine = readdirSync(tmpdir()).filter((name) => name.startsWith(`latentkit-weights-${process.pid}-`));
    expect(mine).toEqual([]);
  });
});
