import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { planSession } from "../devices/session.ts";
import type { WeightTensor } from "../files/safetensors.ts";
import { type BlockType, blockTypes } from "../files/stored-type.ts";
import { networkGraph, withoutPacking } from "../networks/network-graph.ts";
import { temporaryFolder } from "../testing/test-model.ts";
import { suitsBlocks } from "./block-product.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { linear } from "./linear.ts";
import { memoryOf } from "./memory-of.ts";
import { Scope } from "./scope.ts";

const [outputs, inputs, tokens] = [48, 512, 5];
const cpu = { name: "cpu", provider: "cpu", dialect: {}, precision: "float32", reason: "a test" } as never;
const wave = (length: number, rate: number) => Float32Array.from({ length }, (_, i) => Math.sin(rate * i * i));

/** Where the half-precision numbers of a block stand. */
const halves: Partial<Record<BlockType, readonly number[]>> = { Q4_0: [0], Q4_1: [0, 2], Q4_K: [0, 2], Q8_0: [0] };

/** Blocks of any bytes, whose half-precision numbers are between 1 and 2. */
function blocksOf(type: BlockType): Uint8Array {
  const { bytes, elements } = blockTypes[type];
  const all = Uint8Array.from(
    { length: ((outputs * inputs) / elements) * bytes },
    (_, i) => (i * i * 31 + 7 * i) >>> 3,
  );
  for (let block = 0; block < all.length; block += bytes)
    for (const at of halves[type]!) all[block + at + 1] = 0x3c | (all[block + at + 1]! & 3);
  return all;
}

/** A layer over rows of a weight in blocks that may be laid out. */
async function layerOf(type: BlockType, rows: readonly [number, number] = [0, outputs]) {
  const file = join(await temporaryFolder(), "weight.bin");
  const bytes = blocksOf(type);
  // Somewhere in a file, as tensors are.
  await writeFile(file, Buffer.concat([Buffer.alloc(64), bytes]));
  const tensor: WeightTensor = {
    ...{ file, name: "layer.weight", dtype: type, shape: [outputs, inputs], offset: 64, length: bytes.length },
    product: "blocks",
  };
  const graph = new GraphBuilder("layer");
  const x = graph.input("x", "float32", ["batch", "tokens", inputs]);
  const weights = { source: file, find: () => tensor, names: () => [tensor.name].values() };
  const options = { inFeatures: inputs, outFeatures: outputs, bias: false, rows };
  const y = linear(new Scope(graph, weights as never).in("layer"), x, options);
  graph.output(y, "y", "float32", ["batch", "tokens", rows[1] - rows[0]]);
  return networkGraph(graph);
}

const x = new Tensor("float32", wave(tokens * inputs, 0.11), [1, tokens, inputs]);

async function run(graph: ReturnType<typeof networkGraph>) {
  const { model, options, dispose } = await planSession(graph, cpu, { logSeverityLevel: 3 }, InferenceSession);
  const session = await InferenceSession.create(model as Uint8Array, options);
  await dispose();
  const { y } = await session.run({ x });
  await session.release();
  return { y: y!.data as Float32Array, isLaidOut: Buffer.from(model as Uint8Array).includes("MatMulNBits") };
}

function apart(y: Float32Array, right: Float32Array): number {
  const size = (values: Float32Array) => Math.hypot(...values);
  return size(y.map((value, i) => value - right[i]!)) / size(right);
}

const types = ["Q4_0", "Q4_1", "Q4_K"] as const;

describe.each(types)("%s", (type) => {
  test.each([[[0, outputs]], [[16, 40]]] as const)("rows %o are the same laid out", async (rows) => {
    const graph = await layerOf(type, rows);
    const [plain, laidOut] = [await run(withoutPacking(graph)), await run(graph)];
    expect([plain.isLaidOut, laidOut.isLaidOut]).toEqual([false, true]);
    expect(laidOut.y).toHaveLength(tokens * (rows[1] - rows[0]));
    expect(apart(laidOut.y, plain.y)).toBeLessThan(3e-6);
  });

  test("it leaves no file behind, and is computed with as it lies where there is no room for one", async () => {
    const graph = await layerOf(type);
    await run(graph);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith(`latentkit-weights-${process.pid}-`))).toEqual([]);
    vi.stubEnv("TMPDIR", join(await temporaryFolder(), "none"));
    onTestFinished(() => void vi.unstubAllEnvs());
    const { y, isLaidOut } = await run(graph);
    expect(isLaidOut).toBe(false);
    expect(y).toEqual((await run(withoutPacking(graph))).y);
  });

  test("its memory is counted where it is laid out, and the file's where it is not", async () => {
    const { built } = await layerOf(type);
    const { packed, mapped } = memoryOf(built!, { batch: 1, tokens });
    // Half a byte for each number, and four for each scale, and for each thing that is added, of 32.
    expect(packed).toBe(outputs * inputs * (0.5 + (type === "Q4_0" ? 4 : 8) / 32));
    expect(mapped).toBe(0);
  });
});

test("weights of four bits suit it, in whole blocks", () => {
  const tensor = { file: "", name: "", shape: [64, 512], offset: 0, length: 0 } as const;
  const suiting = (Object.keys(blockTypes) as BlockType[]).filter((dtype) => suitsBlocks({ ...tensor, dtype }));
  expect(suiting).toEqual([...types]);
  expect(suitsBlocks({ ...tensor, dtype: "Q4_K", shape: [64, 320] })).toBe(false);
  expect(suitsBlocks({ ...tensor, dtype: "Q4_0", shape: [64, 32, 1, 1] })).toBe(false);
});
