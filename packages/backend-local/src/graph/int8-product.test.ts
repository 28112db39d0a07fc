import { InferenceSession, Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import { GraphBuilder } from "./graph-builder.ts";
import { int8Product } from "./int8-product.ts";
import { sessionOptions } from "./session-options.ts";

test("a product whose shape is known can be given another one, as modulations are", async () => {
  const graph = new GraphBuilder("modulation");
  const x = graph.input("x", "float32", [1, 256]);
  const values = graph.signedBytes(new Array<number>(256 * 32).fill(2), [32, 256]);
  const weight = { values, scale: graph.floats(0.5), scales: 1, inputs: 256, outputs: 32 };
  const parts = graph.node("Reshape", [int8Product(graph, x, weight), graph.ints([2, 16])]);
  graph.output(parts, "y", "float32", [2, 16]);
  const session = await InferenceSession.create(graph.finish(), sessionOptions(graph));
  const { y } = await session.run({ x: new Tensor("float32", new Float32Array(256).fill(1), [1, 256]) });
  expect(y!.dims).toEqual([2, 16]);
  expect([...(y!.data as Float32Array)].map(Math.round)).toEqual(new Array(32).fill(256));
  await session.release();
});
