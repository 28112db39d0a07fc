import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { readSafetensors } from "../../files/safetensors.ts";
import { folderWeights } from "../../files/weights.ts";
import { selfAttentions } from "./self-attentions.ts";
import { buildUNet, type UNetOptions } from "./unet-2d-condition.ts";
import { unetConfig } from "./unet-2d-condition-config.ts";

// What diffusers computed with the same weights: tools/oracle/perturbed_attention.py.
interface Oracle {
  names: string[];
  cases: { layers: string[]; texts: 1 | 2; perturbed: string[]; output: string }[];
}

const fixtures = fileURLToPath(new URL("../../../fixtures/networks/", import.meta.url));
const oracle = JSON.parse(await readFile(`${fixtures}perturbed.json`, "utf8")) as Record<string, Oracle>;
const expected = await readTensors(`${fixtures}perturbed.safetensors`);
const tolerance = 1e-5;

describe.each(Object.entries(oracle))("%s", (folder, { names, cases }) => {
  test("its self-attentions are diffusers'", async () => {
    expect(selfAttentions(unetConfig(await configOf(folder))).toSorted()).toEqual(names.toSorted());
  });

  test.each(cases)("$layers, $texts texts: the rows that diffusers computes", async ({ texts, perturbed, output }) => {
    const session = await sessionOf(folder, { perturbedLayers: perturbed });
    const { out_sample } = await session.run({ ...(await inputsOf(folder, texts)), perturbed: count(1) });
    const want = expected.get(output)!;
    expect(out_sample!.dims).toEqual(want.dims);
    expect(relativeError(floats(out_sample!), floats(want))).toBeLessThan(tolerance);
  });

  test("where no row is to be perturbed, the plain network's output", async () => {
    const inputs = await inputsOf(folder, 2);
    const plain = await (await sessionOf(folder)).run(inputs);
    const { perturbed } = cases[0]!;
    const session = await sessionOf(folder, { perturbedLayers: perturbed });
    const { out_sample } = await session.run({ ...inputs, perturbed: count(0) });
    expect(out_sample!.dims).toEqual(plain.out_sample!.dims);
    expect(relativeError(floats(out_sample!), floats(plain.out_sample!))).toBeLessThan(1e-6);
  });
});

test("a network without self-attention has none to perturb", () => {
  const blocks = { down_block_types: ["DownBlock2D"], up_block_types: ["UpBlock2D"], mid_block_type: null };
  expect(selfAttentions(unetConfig({ ...blocks, block_out_channels: [32] }))).toEqual([]);
});

async function configOf(folder: string): Promise<unknown> {
  return JSON.parse(await readFile(`${fixtures}${folder}/config.json`, "utf8"));
}

async function sessionOf(folder: string, options: UNetOptions = {}): Promise<InferenceSession> {
  const { model, sessionOptions } = buildUNet(
    await configOf(folder),
    await folderWeights(`${fixtures}${folder}`),
    options,
  );
  return InferenceSession.create(model, sessionOptions);
}

/** The last rows of the recorded inputs, at one timestep. */
async function inputsOf(folder: string, rows: number): Promise<Record<string, Tensor>> {
  const inputs: Record<string, Tensor> = { timestep: new Tensor("float32", [981], [1]) };
  for (const [key, tensor] of await readTensors(`${fixtures}${folder}/io.safetensors`)) {
    const name = key.replace(/^in\./, "");
    if (name === key || name === "timestep") continue;
    const { dims } = tensor;
    const each = tensor.size / dims[0]!;
    inputs[name] = new Tensor("float32", floats(tensor).slice((dims[0]! - rows) * each), [rows, ...dims.slice(1)]);
  }
  return inputs;
}

function count(perturbed: number): Tensor {
  return new Tensor("int64", [BigInt(perturbed)], [1]);
}

function floats(tensor: Tensor): Float32Array {
  return tensor.data as Float32Array;
}

/** Greatest difference, relative to the greatest expected magnitude. */
function relativeError(found: Float32Array, wanted: Float32Array): number {
  const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0) / scale;
}

async function readTensors(path: string): Promise<Map<string, Tensor>> {
  const { tensors } = await readSafetensors(path);
  const file = await readFile(path);
  return new Map(
    [...tensors.values()].map(({ name, shape, offset, length }) => {
      const bytes = new Uint8Array(file.subarray(offset, offset + length)).buffer;
      return [name, new Tensor("float32", new Float32Array(bytes), shape)];
    }),
  );
}
