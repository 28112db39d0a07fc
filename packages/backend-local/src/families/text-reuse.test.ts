import { encodeImage, type GenerationInput, parseRequest } from "@latentkit/core";
import { afterEach, describe, expect, test, vi } from "vitest";
import { findLoras } from "../adapters/lora/find-loras.ts";
import { LoadedModel } from "../engine/loaded-model.ts";
import { Network } from "../engine/network.ts";
import { loadRuntime } from "../engine/runtime.ts";
import { readModelFolder } from "../models/model-folder.ts";
import { generate } from "../pipeline/generate.ts";
import { readInputs } from "../pipeline/read-inputs.ts";
import { fixture, fixtureModel } from "../testing/test-model.ts";

// Texts are encoded once for all pictures of a request and for all requests: what the networks that read them run is counted.
const runtime = await loadRuntime({ device: "cpu", threads: 1 });
const { signal } = new AbortController();
const opened: LoadedModel[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const model of opened.splice(0)) await model.release();
});

/** A model that tells which of these networks a request ran, and how often. */
async function counted(folder: string, networks: readonly string[]) {
  const model = new LoadedModel(await readModelFolder(folder), runtime);
  opened.push(model);
  const graphs = await Promise.all(networks.map(async (name) => (await model.graph(name)).built!.name));
  const runs: string[] = [];
  const real = Network.prototype.runAll;
  vi.spyOn(Network.prototype, "runAll").mockImplementation(function (this: Network, ...given) {
    runs.push(this.graph.built!.name);
    return real.apply(this, given);
  });
  return async (input: GenerationInput) => {
    runs.length = 0;
    const { traits } = model.model;
    const size = input.width === undefined && !input.conditioning ? { width: 64, height: 64 } : {};
    const asked = parseRequest({ seed: 1, steps: 2, ...size, ...input });
    const { request, inputs } = await readInputs(await findLoras(asked, fixture("loras")), traits, signal);
    for await (const event of generate({ request, inputs, model: model.model }, model, signal))
      expect(event).not.toMatchObject({ code: "image_failed" });
    // Two encoders of one kind have graphs of one name.
    const count = (of: readonly string[], graph: string) => of.filter((each) => each === graph).length;
    return graphs.map((graph) => count(runs, graph) / count(graphs, graph));
  };
}

const guided = { negativePrompt: "blurry" };
const families: [string, readonly string[], Partial<GenerationInput>, texts: number][] = [
  ["flux1", ["textEncoder", "textEncoder2"], {}, 1],
  ["stable-diffusion-3", ["textEncoder", "textEncoder2", "textEncoder3"], guided, 2],
  ["z-image", ["textEncoder"], { ...guided, guidanceScale: 2 }, 2],
  ["flux2", ["textEncoder"], {}, 1],
  ["flux3", ["textEncoder"], {}, 1],
  ["qwen-image", ["textEncoder"], guided, 2],
  ["qwen-image-21", ["textEncoder"], { ...guided, guidanceScale: 3 }, 2],
  ["krea2", ["textEncoder"], { ...guided, guidanceScale: 2 }, 2],
  ["chroma", ["textEncoder"], guided, 2],
  ["pixart-sigma", ["textEncoder"], guided, 2],
  ["lumina2", ["textEncoder"], guided, 2],
  ["auraflow", ["textEncoder"], guided, 2],
];

describe("texts are encoded once for a batch, and not again in the next request", () => {
  test.each(families)("%s", async (name, networks, more, texts) => {
    const runs = await counted(fixture(`families/${name}`), networks);
    const request = { prompt: "a red apple", ...more } as GenerationInput;
    expect(await runs({ ...request, count: 2 })).toEqual(networks.map(() => texts));
    expect(await runs({ ...request, seed: 2 })).toEqual(networks.map(() => 0));
    // The negative one is known.
    expect(await runs({ ...request, prompt: "a green dog" } as GenerationInput)).toEqual(networks.map(() => 1));
  });
});

const square = async (value: number) => ({
  kind: "reference" as const,
  image: await encodeImage(
    { width: 64, height: 64, channels: 3, data: new Uint8Array(3 * 64 * 64).fill(value) },
    "png",
  ),
});

test("Qwen-Image-Edit looks at a picture again only where it is another one", async () => {
  const runs = await counted(fixture("families/qwen-image-edit"), ["vision", "textEncoder"]);
  const size = { width: 64, height: 64, guidanceScale: 1 };
  const request = { prompt: "a red hat", ...size, conditioning: [await square(90)] } as GenerationInput;
  expect(await runs({ ...request, count: 2 })).toEqual([1, 1]);
  expect(await runs(request)).toEqual([0, 0]);
  expect(await runs({ ...request, prompt: "a green hat" } as GenerationInput)).toEqual([0, 1]);
  expect(await runs({ ...request, conditioning: [await square(200)] })).toEqual([1, 1]);
});

test("what a text is to the picture in Qwen-Image 2.1 is made once for all steps", async () => {
  const runs = await counted(fixture("families/qwen-image-21"), ["textTransformer", "transformer"]);
  const request = { prompt: "a red apple", steps: 3, count: 2 } as GenerationInput;
  expect(await runs(request)).toEqual([1, 6]);
});

test("what reference pictures are in FLUX.2 klein KV is made once for all steps and pictures, and for both passes of guidance", async () => {
  const runs = await counted(fixture("families/flux2"), ["references", "transformer"]);
  const size = { width: 64, height: 64 };
  const cached = { prompt: "a red hat", ...size, conditioning: [await square(90)] } as GenerationInput;
  const local = { cacheReferences: true };
  expect(await runs({ ...cached, steps: 3, count: 2, backendOptions: { local } })).toEqual([1, 6]);
  expect(await runs({ ...cached, steps: 3, count: 2 })).toEqual([0, 6]);
});

test("FLUX.2 klein encodes a picture that it paints a part of anew once, for the latents and for what it is shown", async () => {
  const runs = await counted(fixture("families/flux2"), ["vaeEncoder"]);
  const { image } = await square(90);
  expect(await runs({ task: "inpaint", prompt: "a red hat", image, mask: image, width: 64, height: 64 })).toEqual([1]);
});

describe("a LoRA", () => {
  const texts = async () => counted(fixtureModel("sd1"), ["textEncoder"]);
  const request = { prompt: "a red apple" } as GenerationInput;
  const lora = (strength: number, textEncoderStrength: number) => [{ model: "kohya", strength, textEncoderStrength }];

  test("of the text encoder has it read texts anew, at each strength", async () => {
    const runs = await texts();
    expect(await runs(request)).not.toEqual([0]);
    for (const strength of [0.5, 1]) {
      const [first] = await runs({ ...request, loras: lora(1, strength) });
      expect(first).toBeGreaterThan(0);
      expect(await runs({ ...request, loras: lora(1, strength) })).toEqual([0]);
    }
    expect(await runs(request), "without it, as before").toEqual([0]);
  });

  test("of the denoising network alone has it read none", async () => {
    const runs = await texts();
    await runs(request);
    expect(await runs({ ...request, loras: lora(1, 0) })).toEqual([0]);
  });
});
