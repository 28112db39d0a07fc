import { expect, test } from "vitest";
import { readModelFolder } from "../models/model-folder.ts";
import { fixtureModel } from "../testing/test-model.ts";
import { ModelCache } from "./model-cache.ts";
import type { Runtime } from "./runtime.ts";

const [sd1, sd2, f4] = await Promise.all(["sd1", "sd2", "f4"].map((name) => readModelFolder(fixtureModel(name))));
// No network is loaded here, so nothing of onnxruntime is needed.
const runtime = Promise.resolve({} as Runtime);

test("the models used last stay", async () => {
  const cache = new ModelCache(runtime, 2);
  const first = await cache.get(sd1!);
  const second = await cache.get(sd2!);
  expect(await cache.get(sd1!)).toBe(first);
  await cache.get(f4!);
  expect(await cache.get(sd1!), "used more lately than sd2").toBe(first);
  expect(await cache.get(sd2!), "made room for f4").not.toBe(second);
});

test("a model whose files changed is another one", async () => {
  const cache = new ModelCache(runtime, 2);
  const before = await cache.get(sd1!);
  const changed = { ...sd1!, identity: { ...sd1!.identity, hash: "sha256:other" } };
  expect(await cache.get(changed)).not.toBe(before);
});

test("after many released models the engine is worn", async () => {
  const cache = new ModelCache(runtime, 1);
  for (let i = 0; i < 30; i++) await cache.get(i % 2 === 0 ? sd1! : sd2!);
  expect(cache.worn).toBe(false);
  await cache.get(f4!);
  expect(cache.worn).toBe(true);
});
