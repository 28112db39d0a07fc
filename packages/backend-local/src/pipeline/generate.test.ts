import { type GenerationRequest, parseRequest } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import type { LoadedModel } from "../engine/loaded-model.ts";
import { TextCache } from "../engine/text-cache.ts";
import type { NetworkChoice } from "../families/family.ts";
import { buildNetwork } from "../models/build-network.ts";
import { readModelFolder } from "../models/model-folder.ts";
import { fixtureModel } from "../testing/test-model.ts";
import { generate } from "./generate.ts";

const folder = await readModelFolder(fixtureModel("sd1"));

interface FakeTensor {
  data: Float32Array;
  dims: readonly number[];
}

/** What a tokenizer without textual inversions has. */
const bare = { length: 77, embeddings: [], embeddingsNotIn: () => [] };

/** A model of constants: `fails` says for each run of a network whether it throws. Its networks count their runs. */
function fakeModel(fails: (name: string, run: number) => boolean = () => false) {
  const batches: Record<string, number[]> = {};
  class Tensor {
    readonly data: unknown;
    readonly dims: readonly number[];
    constructor(_: string, data: unknown, dims: readonly number[]) {
      this.data = data;
      this.dims = dims;
    }
  }
  const answer = (name: string, [batch]: readonly number[]): FakeTensor => {
    const dims = {
      textEncoder: [batch!, 77, 16],
      unet: [batch!, 4, 8, 8],
      vaeDecoder: [1, 3, 64, 64],
      vaeEncoder: [1, 8, 8, 8],
    }[name]!;
    return { dims, data: new Float32Array(dims.reduce((product, size) => product * size)).fill(0.25) };
  };
  const model = {
    model: folder,
    runtime: {
      Tensor,
      version: "0",
      device: { name: "cpu", precision: "float32", reason: "the default" },
      warnings: [],
    },
    texts: new TextCache(),
    check: async () => {},
    arrange: async () => {},
    graph: (choice: NetworkChoice) => buildNetwork(folder, choice),
    tokenizer: async () => ({
      ...bare,
      encode: (text: string) => ({ ids: new Int32Array(77).fill(text.length) }),
    }),
    network: async (choice: NetworkChoice) => ({
      async runAll(...args: [Record<string, FakeTensor>, readonly string[], AbortSignal]) {
        return [await this.run(args[0], "", args[2])];
      },
      async run(feeds: Record<string, FakeTensor>, _: string, signal: AbortSignal) {
        signal.throwIfAborted();
        const name = typeof choice === "string" ? choice : "unet";
        const [given, ...rest] = Object.values(feeds)[0]!.dims;
        const dims = [given! + Number(feeds.perturbed?.data[0] ?? 0), ...rest];
        const runs = [...(batches[name] ?? []), dims[0]!];
        batches[name] = runs;
        if (fails(name, runs.length)) throw new Error(`${name} broke`);
        return answer(name, dims);
      },
    }),
    runMs: async () => 0,
  };
  return { model: model as unknown as LoadedModel, batches };
}

const signal = new AbortController().signal;
const job = (fields: Partial<GenerationRequest>) => ({
  request: parseRequest({ prompt: "a red apple", seed: 40, steps: 3, ...fields }),
  model: folder,
  inputs: {},
});

describe("several images", () => {
  test("one that fails leaves the others be, with a warning that says which and why", async () => {
    const { model } = fakeModel((name, run) => name === "vaeDecoder" && run === 2);
    const events = await Array.fromAsync(generate(job({ count: 3 }), model, signal));
    const images = events.flatMap((event) => (event.type === "image" ? [[event.index, event.seed]] : []));
    expect(images).toEqual([
      [0, 40],
      [2, 42],
    ]);
    expect(events.filter((event) => event.type === "warning")).toMatchObject([
      {
        code: "image_failed",
        index: 1,
        seed: 41,
        error: { code: "generation", message: expect.stringContaining("broke") },
      },
    ]);
    expect(events.at(-1)?.type).toBe("completed");
  });

  test("when all fail, the first one's error is thrown", async () => {
    const { model } = fakeModel((name) => name === "vaeDecoder");
    await expect(Array.fromAsync(generate(job({ count: 2 }), model, signal))).rejects.toThrow("vaeDecoder broke");
  });
});

test("guidance takes one run a step for both texts, none takes one for the prompt alone", async () => {
  const guided = fakeModel();
  await Array.fromAsync(generate(job({ guidanceScale: 5 }), guided.model, signal));
  expect(guided.batches).toMatchObject({ textEncoder: [1, 1], unet: [2, 2, 2] });
  const plain = fakeModel();
  await Array.fromAsync(generate(job({ guidanceScale: 1 }), plain.model, signal));
  expect(plain.batches).toMatchObject({ textEncoder: [1], unet: [1, 1, 1] });
});

test("perturbed attention is one row more in the same run, in the steps that have any", async () => {
  const guidance = { mode: "cfg", rescale: 0, start: 0, end: 0.7, pagScale: 2 } as const;
  const both = fakeModel();
  await Array.fromAsync(generate(job({ guidanceScale: 5, guidance }), both.model, signal));
  expect(both.batches).toMatchObject({ textEncoder: [1, 1], unet: [3, 3, 1] });
  const alone = fakeModel();
  await Array.fromAsync(generate(job({ guidanceScale: 1, guidance }), alone.model, signal));
  expect(alone.batches).toMatchObject({ textEncoder: [1], unet: [2, 2, 1] });
  const scheduled = fakeModel();
  const scales = { ...guidance, end: 1, scales: [1, 4, 1] };
  await Array.fromAsync(generate(job({ guidance: scales }), scheduled.model, signal));
  expect(scheduled.batches).toMatchObject({ textEncoder: [1, 1], unet: [2, 3, 2] });
});

test("a prompt of megabytes is cut with a warning that shows the beginning of what is missing", async () => {
  const { model } = fakeModel();
  const cut = `on a blue background ${"and ".repeat(1e5)}`;
  const tokenizer = async () => ({ ...bare, encode: () => ({ ids: new Int32Array(77), cut }) });
  const events = await Array.fromAsync(generate(job({ guidanceScale: 1 }), { ...model, tokenizer } as never, signal));
  const [warning] = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  expect(warning).toContain("on a blue background");
  expect(warning!.length).toBeLessThan(300);
});

test("previews come every so many steps, never of the last", async () => {
  const { model } = fakeModel();
  const events = await Array.fromAsync(generate(job({ steps: 6, previewEvery: 2 }), model, signal));
  expect(events.flatMap((event) => (event.type === "preview" ? [event.step] : []))).toEqual([2, 4]);
});

test("an abort ends it before the next run", async () => {
  const { model, batches } = fakeModel();
  const controller = new AbortController();
  const reading = async () => {
    for await (const event of generate(job({ steps: 50 }), model, controller.signal)) {
      if (event.type === "progress" && event.phase === "sample" && event.step === 2) controller.abort();
    }
  };
  await expect(reading()).rejects.toThrow();
  expect(batches.unet).toHaveLength(2);
});

test("a request without a seed gets one, and tells it", async () => {
  const { model } = fakeModel();
  const { seed: _, ...request } = job({}).request;
  const events = generate({ ...job({}), request: request as GenerationRequest }, model, signal);
  const { value } = await events.next();
  expect((value as { resolved: { seed: number } }).resolved.seed).toBeTypeOf("number");
  await events.return(undefined);
});
