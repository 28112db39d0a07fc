import { type GenerationRequest, parseRequest } from "@latentkit/core";
import { expect, test } from "vitest";
import { LoadedModel } from "../engine/loaded-model.ts";
import type { EngineEvent, EngineJob } from "../engine/protocol.ts";
import { loadRuntime } from "../engine/runtime.ts";
import { GraphBuilder } from "../graph/graph-builder.ts";
import { memoryOf } from "../graph/memory-of.ts";
import type { Model } from "../models/model.ts";
import { readModelFolder } from "../models/model-folder.ts";
import { planModel } from "../plan-model.ts";
import { fixture } from "../testing/test-model.ts";
import { familyJob } from "./family-job.ts";
import { generate } from "./generate.ts";
import { planMemory } from "./plan-memory.ts";

const folder = fixture("families/z-image");
const request = parseRequest({ prompt: "a red apple", width: 64, height: 64, steps: 2, seed: 1 });

/** A picture that is drawn in so much memory, and how many networks made place for others. */
async function drawnIn(maxMemory: number, model: Model, asked: GenerationRequest, inputs: EngineJob["inputs"] = {}) {
  const loaded = new LoadedModel(model, await loadRuntime({ device: "cpu", threads: 1, maxMemory }));
  const events: EngineEvent[] = [];
  for await (const event of generate({ request: asked, model, inputs }, loaded, new AbortController().signal))
    events.push(event);
  const image = events.find((event) => event.type === "image");
  const { replaced } = loaded;
  await loaded.release();
  return { pixels: image!.type === "image" ? image!.pixels.data : undefined, replaced };
}

test("a graph's memory is what is alive at a time", () => {
  const graph = new GraphBuilder("graph");
  const x = graph.input("x", "float32", [1, "tokens", 8]);
  const wide = graph.node("Concat", [x, x], { attributes: { axis: { int: 2 } } });
  const turned = graph.node("Transpose", [wide], { attributes: { perm: { ints: [0, 2, 1] } } });
  const view = graph.node("Reshape", [turned, graph.ints([-1, 4])]);
  graph.output(graph.node("Mul", [view, view]), "y", "float32", ["rows", 4]);
  // [1, tokens, 16] in two copies; what is only looked at in another shape, or written over, takes nothing more.
  expect(memoryOf(graph.built(), { tokens: 10 })).toEqual({
    ...{ between: 2 * 10 * 16 * 4, given: 10 * 8 * 4 },
    ...{ packed: 0, mapped: 0 },
  });
});

test("what fits stays loaded, what is less takes turns, and what is too large is refused with a size that fits", async () => {
  const model = await readModelFolder(folder);
  const large = parseRequest({ prompt: "", width: 1024, height: 1024 });
  const plan = (maxMemory: number) => planMemory(model, familyJob(large, model, {}), { maxMemory });
  const free = await plan(1e12);
  expect(free).toMatchObject({ keeps: true, packs: true, striped: false, width: 1024 });
  expect(free.networks.map(({ network }) => network)).toEqual(["textEncoder", "transformer", "vaeDecoder"]);
  const short = await plan(free.peak - 1);
  expect(short.peak).toBeLessThan(free.peak);
  let tightest = short;
  const next = async () => plan(tightest.peak - 1).catch(() => undefined);
  for (let tighter = await next(); tighter !== undefined; tighter = await next()) tightest = tighter;
  expect(tightest).toMatchObject({ keeps: false });
  const refused = await plan(tightest.peak - 1).catch((error) => error);
  expect(refused).toMatchObject({ code: "out_of_memory", details: { limit: tightest.peak - 1 } });
  expect(refused.message).toMatch(/1024×1024 takes at least .* maxMemory is .*; (\d+)×\1 would fit/);
  const side = refused.details.largestSide;
  const smaller = parseRequest({ prompt: "", width: side, height: side });
  const fits = await planMemory(model, familyJob(smaller, model, {}), { maxMemory: refused.details.limit });
  expect(fits.peak).toBeLessThanOrEqual(refused.details.limit);
});

test("networks that take turns make the same picture, one at a time", async () => {
  const model = await readModelFolder(folder);
  const { peak } = await planMemory(model, familyJob(request, model, {}), { maxMemory: 1e12 });
  const [free, short] = [await drawnIn(1e12, model, request), await drawnIn(peak - 1, model, request)];
  expect(free.replaced).toBe(0);
  // The text encoder has gone when the transformer comes, and that when the VAE does.
  expect(short.replaced).toBe(2);
  expect(short.pixels).toEqual(free.pixels);
});

const picture = { width: 64, height: 64, channels: 3 as const, data: new Uint8Array(3 * 64 * 64).fill(90) };
test.each<[string, object, EngineJob["inputs"]]>([
  ["flux2", { backendOptions: { local: { cacheReferences: true } } }, { references: [picture] }],
  ["qwen-image-21", {}, {}],
])("what %s makes ready for all steps is made in a turn of its own", async (name, more, inputs) => {
  const asked = parseRequest({ prompt: "a red apple", width: 64, height: 64, steps: 2, seed: 1, ...more });
  const own = await readModelFolder(fixture(`families/${name}`));
  const { peak } = await planMemory(own, familyJob(asked, own, inputs), { maxMemory: 1e12 });
  const free = await drawnIn(1e12, own, asked, inputs);
  const short = await drawnIn(peak - 1, own, asked, inputs);
  expect(free.replaced).toBe(0);
  expect(short.replaced).toBeGreaterThanOrEqual(3);
  expect(short.pixels).toEqual(free.pixels);
});

test("planModel: by the native size, by maxMemory, and not of a size that the model can't have", async () => {
  expect(await planModel(folder)).toMatchObject({ width: 1024, height: 1024 });
  await expect(planModel(folder, { width: 2048, height: 2048, maxMemory: "300 MB" })).rejects.toMatchObject({
    code: "out_of_memory",
  });
  await expect(planModel(folder, { width: 65, height: 64 })).rejects.toMatchObject({ code: "invalid_request" });
});
