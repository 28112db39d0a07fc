import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, decodeImage, encodeImage, type GenerationInput, type JobEvent } from "@latentkit/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GraphBuilder, type Value } from "../../../graph/graph-builder.ts";
import { local } from "../../../local.ts";
import type { LocalBackend } from "../../../local-backend.ts";
import { fixture, temporaryFolder } from "../../../testing/test-model.ts";

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1, model: fixture("pipelines/sd1") });
});
afterAll(() => backend.dispose());

/** An ONNX file of a network over a photo `[1, 3, height, width]`. */
async function network(build: (graph: GraphBuilder, photo: Value) => Value, channels: number, size?: number) {
  const graph = new GraphBuilder("preprocessor");
  const sides = size === undefined ? ["height", "width"] : [size, size];
  const photo = graph.input("photo", "float32", [1, 3, ...sides]);
  graph.output(build(graph, photo), "made", "float32", [1, channels, ...sides]);
  const path = join(await temporaryFolder(), "preprocessor.onnx");
  await writeFile(path, graph.finish());
  return path;
}

const side = 64;
/** Dark on the left, bright on the right. */
const data = Uint8Array.from({ length: 3 * side * side }, (_, i) => 4 * (Math.floor(i / 3) % side));
const photo = await encodeImage({ width: side, height: side, channels: 3, data }, "png");

async function prepared(control: string, preprocessor: string) {
  const model = join(fixture("controls"), "sd1-a");
  const conditioning = [{ kind: "control", control, image: photo, model, preprocessor }];
  const asked = { prompt: "a red apple", width: side, height: side, steps: 2, seed: 3, conditioning } as unknown;
  const job = createClient({ backend }).generate(asked as GenerationInput);
  const events: JobEvent[] = [];
  for await (const event of job) events.push(event);
  const { images } = await job;
  const shown = events.find((event) => event.type === "control");
  if (shown?.type !== "control") throw new Error("no control event");
  return { drawn: (await images[0]!.pixels()).data, map: await decodeImage(await shown.image.bytes("png")) };
}

const row = (map: { data: Uint8Array; channels: number; width: number }) =>
  Array.from({ length: map.width }, (_, x) => map.data[x * map.channels]!);

test("a network of the user's makes the control picture, which an event shows and the ControlNet is given", async () => {
  const negative = await network((graph, x) => graph.node("Sub", [graph.floats(1), x]), 3);
  const same = await network((graph, x) => graph.node("Identity", [x]), 3);
  const [turned, plain] = [await prepared("scribble", negative), await prepared("scribble", same)];
  expect([turned.map.width, turned.map.height]).toEqual([side, side]);
  for (const [x, value] of row(turned.map).entries()) expect(Math.abs(value - (255 - 4 * x))).toBeLessThanOrEqual(1);
  for (const [x, value] of row(plain.map).entries()) expect(Math.abs(value - 4 * x)).toBeLessThanOrEqual(1);
  expect(turned.drawn, "the ControlNet heeds it").not.toEqual(plain.drawn);
});

test("an estimator of one channel and a size of its own: from black to white, in the picture's size", async () => {
  const axes = { attributes: { keepdims: { int: 1 } } };
  const depth = await network((graph, x) => graph.node("ReduceMean", [x, graph.ints([1])], axes), 1, 28);
  const { map } = await prepared("depth", depth);
  expect([map.width, map.height]).toEqual([side, side]);
  const values = row(map);
  expect([values[0], values.at(-1)]).toEqual([0, 255]);
  expect(values).toEqual(values.toSorted((a, b) => a - b));
});

test("a network of another shape is refused by its field", async () => {
  const two = await network(
    (graph, x) => graph.node("Slice", [x, graph.ints([0]), graph.ints([2]), graph.ints([1])]),
    2,
  );
  await expect(prepared("scribble", two)).rejects.toMatchObject({
    code: "invalid_request",
    issues: [{ field: "conditioning[0].preprocessor" }],
  });
});
