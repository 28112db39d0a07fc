import { readFile } from "node:fs/promises";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { readGguf } from "../files/gguf.ts";
import { readTensor } from "../files/read-tensor.ts";
import { readSafetensors } from "../files/safetensors.ts";
import { fixture } from "../testing/test-model.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { sessionOptions } from "./session-options.ts";

// Random blocks of every type, and what gguf's own dequantize makes of them (tools/oracle/quantised.py).
const stored = (await readGguf(fixture("quantised/blocks.gguf"))).tensors;
const path = fixture("quantised/blocks.safetensors");
const [expected, bytes] = await Promise.all([readSafetensors(path), readFile(path)]);

function expectedBits(name: string, rows: readonly number[]): number[] {
  const { offset } = expected.tensors.get(name)!;
  return rows.flatMap((row) => Array.from({ length: 512 }, (_, i) => bytes.readInt32LE(offset + 4 * (row * 512 + i))));
}

async function run(graph: GraphBuilder, feeds: Record<string, Tensor>): Promise<number[]> {
  const session = await InferenceSession.create(graph.finish(), sessionOptions(graph));
  const { y } = await session.run(feeds);
  await session.release();
  return [...new Int32Array((y!.data as Float32Array).slice().buffer)];
}

describe.each([...stored.keys()])("%s is what gguf makes of it, to the last bit", (name) => {
  const tensor = stored.get(name)!;

  test("in the graph, whole and a range of rows", async () => {
    const graph = new GraphBuilder("weights");
    graph.output(graph.weight(tensor, [6, 512]), "y", "float32", [6, 512]);
    expect(await run(graph, {})).toEqual(expectedBits(name, [0, 1, 2, 3, 4, 5]));
    const part = new GraphBuilder("rows");
    part.output(part.weight(tensor, [2, 512], [3, 5]), "y", "float32", [2, 512]);
    expect(await run(part, {})).toEqual(expectedBits(name, [3, 4]));
  });

  test("rows of a table by their numbers", async () => {
    const graph = new GraphBuilder("lookup");
    const ids = graph.input("ids", "int32", ["batch", "tokens"]);
    graph.output(graph.lookup(tensor, ids), "y", "float32", ["batch", "tokens", 512]);
    const feeds = { ids: new Tensor("int32", [5, 0, 2, 2], [2, 2]) };
    expect(await run(graph, feeds)).toEqual(expectedBits(name, [5, 0, 2, 2]));
  });

  test("read here", async () => {
    expect([...new Int32Array((await readTensor(tensor)).buffer)]).toEqual(expectedBits(name, [0, 1, 2, 3, 4, 5]));
  });
});
