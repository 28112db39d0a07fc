import { expect, test } from "vitest";
import { readModelFolder } from "../models/model-folder.ts";
import { fixtureModel } from "../testing/test-model.ts";
import { LoadedModel } from "./loaded-model.ts";
import { loadRuntime } from "./runtime.ts";

const runtime = await loadRuntime({ device: "cpu", threads: 1 });

test("of UNets with perturbed attention only the last one stays, beside the plain one", async () => {
  const folder = await readModelFolder(fixtureModel("sd1"));
  const model = new LoadedModel(folder, runtime);
  const [down, ...others] = folder.traits.selfAttentions.map((layer) => ({
    network: "unet",
    perturbedLayers: [layer],
  }));
  const plain = await model.network("unet");
  const first = await model.network(down!);
  expect(await model.network(down!)).toBe(first);
  expect(model.replaced).toBe(0);
  await model.check(others);
  for (const choice of others) await model.network(choice);
  expect(model.replaced).toBe(others.length);
  expect(await model.network("unet")).toBe(plain);
  expect(await model.network(down!)).not.toBe(first);
  await model.release();
});
