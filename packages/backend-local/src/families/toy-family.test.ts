import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseRequest } from "@latentkit/core";
import { expect, test } from "vitest";
import { LoadedModel } from "../engine/loaded-model.ts";
import { loadRuntime } from "../engine/runtime.ts";
import { GraphBuilder } from "../graph/graph-builder.ts";
import { linear } from "../graph/linear.ts";
import { Scope } from "../graph/scope.ts";
import { readModelFolder } from "../models/model-folder.ts";
import { networkGraph } from "../networks/network-graph.ts";
import { generate } from "../pipeline/generate.ts";
import { temporaryFolder } from "../testing/test-model.ts";
import { families } from "./families.ts";
import type { Family, FamilyEngine } from "./family.ts";

// CONTRIBUTING's "Add a family", walked: a folder with two files (here in one) and a line in families.ts. It paints with colours
// alone: a latent is a pixel of four, the one layer mixes its three channels, and the prompt's length is its conditioning.
const engine: FamilyEngine = {
  networks: {
    mixer: {
      part: "mixer",
      build(_config, weights, { adapter }) {
        const graph = new GraphBuilder("ColourMixer");
        const sample = graph.input("sample", "float32", ["pixels", 3]);
        const mixed = linear(new Scope(graph, weights, adapter).in("mix"), sample, { inFeatures: 3, outFeatures: 3 });
        graph.output(mixed, "mixed", "float32", ["pixels", 3]);
        return networkGraph(graph);
      },
    },
  },
  needs: () => ["mixer"],
  async open(model, { request, dims }, signal) {
    const mixer = await model.network("mixer");
    const [channels, height, width] = dims;
    const { length } = "prompt" in request ? (request.prompt ?? "") : "";
    return {
      warnings: [],
      async predict(input, _timestep, _index, { uncond }) {
        const pixels = new model.runtime.Tensor("float32", input.slice(), [height * width, channels]);
        const { data } = await mixer.run({ sample: pixels }, "mixed", signal);
        const cond = (data as Float32Array).map((value) => value + length / 100);
        return uncond ? [(data as Float32Array).slice(), cond] : [cond];
      },
    };
  },
  codec: {
    encode: async (_model, { data }) => data.slice(),
    draw: (_model, distribution) => distribution,
    async decode(_model, latent, [, height, width]) {
      const bytes = Uint8Array.from(latent, (value) => Math.min(Math.max(value, 0), 1) * 255);
      return { width, height, channels: 3, data: bytes };
    },
  },
};

const colours: Family = {
  id: "colours",
  title: "Colours",
  pipelines: ["ColourPipeline"],
  parts: { mixer: { classes: ["ColourMixer"] } },
  tokenizers: {},
  describe: () => ({
    ...{
      tasks: ["text-to-image", "image-to-image"],
      features: ["negativePrompt", "guidance", "strength"],
      conditioning: [],
    },
    ...{ scale: 1, multipleOf: 1, minSide: 1, maxSide: 64, defaultWidth: 8, defaultHeight: 8, latentChannels: 3 },
    ...{ scalingFactor: 1, guidanceScale: 2, guidance: "classifier-free", startsFromPicture: true },
    ...{ textLayers: 0, tokenizers: {}, selfAttentions: [] },
  }),
  engine: async () => engine,
};

test("a family of one layer draws, with samplers, guidance, count and recipes of the pipeline's", async () => {
  (families as Family[]).push(colours);
  const folder = await temporaryFolder();
  await write(folder, "model_index.json", { _class_name: "ColourPipeline", mixer: ["colours", "ColourMixer"] });
  await write(folder, "mixer/config.json", { _class_name: "ColourMixer" });
  await write(folder, "scheduler/scheduler_config.json", { _class_name: "EulerDiscreteScheduler" });
  await writeFile(join(folder, "mixer/model.safetensors"), layer());

  const model = await readModelFolder(folder);
  expect(model).toMatchObject({ family: "colours", traits: { defaultWidth: 8 } });
  const loaded = new LoadedModel(model, await loadRuntime({ device: "cpu", threads: 1 }));
  const draw = async (fields: object) => {
    const request = parseRequest({ prompt: "blue", steps: 3, seed: 1, count: 2, ...fields });
    const events = await Array.fromAsync(
      generate({ request, model, inputs: {} }, loaded, new AbortController().signal),
    );
    expect(events.at(-1)?.type).toBe("completed");
    return events.flatMap((event) => (event.type === "image" ? [event.pixels.data] : []));
  };
  const [first, second] = await draw({});
  expect(first).toHaveLength(8 * 8 * 3);
  expect(second).not.toEqual(first);
  expect(await draw({})).toEqual([first, second]);
  expect((await draw({ prompt: "a very blue sky" }))[0]).not.toEqual(first);
  expect((await draw({ guidanceScale: 9 }))[0]).not.toEqual(first);
  expect((await draw({ sampler: "dpmpp_2m", scheduler: "karras" }))[0]).not.toEqual(first);
  await loaded.release();
});

async function write(folder: string, name: string, content: object): Promise<void> {
  await mkdir(join(folder, name, ".."), { recursive: true });
  await writeFile(join(folder, name), JSON.stringify(content));
}

/** A safetensors file with the layer's weight and bias. */
function layer(): Buffer {
  const values = Float32Array.of(0.5, 0.1, 0, 0, 0.5, 0.1, 0.1, 0, 0.5, 0.01, 0, -0.01);
  const header = JSON.stringify({
    "mix.weight": { dtype: "F32", shape: [3, 3], data_offsets: [0, 36] },
    "mix.bias": { dtype: "F32", shape: [3], data_offsets: [36, 48] },
  });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header), Buffer.from(values.buffer)]);
}
