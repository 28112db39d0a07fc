import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type FileTensor, writeTensors } from "../testing/rewrite-safetensors.ts";
import { temporaryFolder } from "../testing/test-model.ts";
import { readTensor } from "./read-tensor.ts";
import { fileWeights } from "./weights.ts";

const weight = (dtype: string, shape: readonly number[] = [2, 4], name = "a.weight"): FileTensor => {
  const size = { F8_E4M3: 1, I8: 1, U8: 1, F8_E8M0: 1, F16: 2, F32: 4 }[dtype] ?? 1;
  return { name, dtype, shape, bytes: new Uint8Array(size * shape.reduce((a, b) => a * b, 1)).fill(0x31) };
};
const scale = (values: readonly number[], shape: readonly number[], name = "a.weight_scale"): FileTensor => ({
  name,
  dtype: "F32",
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});
const format = (value: object, name = "a.comfy_quant"): FileTensor => {
  const bytes = Buffer.from(JSON.stringify(value));
  return { name, dtype: "U8", shape: [bytes.length], bytes };
};
const int8 = { format: "int8_tensorwise" };

async function read(tensors: readonly FileTensor[]) {
  const path = join(await temporaryFolder(), "file.safetensors");
  await writeTensors(path, tensors);
  return fileWeights(path);
}

test("a scale for all or for each row, and names that only describe are left out", async () => {
  const rows = await read([weight("I8"), scale([1, 2], [2, 1]), format(int8), scale([1], [], "a.input_scale")]);
  expect([...rows.names()]).toEqual(["a.weight"]);
  expect([...(await readTensor(rows.find("a.weight")!))]).toEqual([49, 49, 49, 49, 98, 98, 98, 98]);
  const old = await read([
    weight("F8_E4M3"),
    scale([0.5], [1], "a.scale_weight"),
    weight("F8_E4M3", [0], "scaled_fp8"),
  ]);
  expect([...old.names()]).toEqual(["a.weight"]);
  expect([...(await readTensor(old.find("a.weight")!))]).toEqual(new Array(8).fill(0.28125));
});

test("a rotation is turned back", async () => {
  const rotated = await read([weight("I8"), scale([2], []), format({ ...int8, convrot: true, convrot_groupsize: 4 })]);
  expect(rotated.find("a.weight")).toMatchObject({ rotation: 4 });
  // Four equal numbers are 49·H4/2's row sums, 1 each.
  expect([...(await readTensor(rotated.find("a.weight")!))]).toEqual(new Array(8).fill(98));
});

describe("what would make a wrong picture is refused, with the tensor's name", () => {
  const cases: [what: string, tensors: FileTensor[], tensor: string, message: RegExp][] = [
    [
      "a scale of other rows",
      [weight("I8"), scale([1, 2, 3], [3]), format(int8)],
      "a.weight_scale",
      /is \[3\]; the scale of a\.weight \[2, 4\] has one number, or 2/,
    ],
    [
      "a rotation that is neither true nor false",
      [weight("I8"), scale([1], [1]), format({ ...int8, convrot: "false" })],
      "a.comfy_quant",
      /has a convrot of "false", which must be true or false/,
    ],
    [
      "fp8 without the scale that other blocks' have",
      [
        ...[weight("F8_E4M3", [2, 4], "b.0.w.weight"), scale([1], [1], "b.0.w.scale_weight")],
        ...[weight("F8_E4M3", [2, 4], "b.1.w.weight"), weight("F8_E4M3", [2, 4], "b.1.other.weight")],
      ],
      "b.1.w.weight",
      /is stored as F8_E4M3 without a scale, which the same layer has in other blocks/,
    ],
    [
      "a scale in blocks",
      [weight("I8"), scale([1, 2, 3, 4], [2, 2]), format(int8)],
      "a.weight_scale",
      /one number, or 2/,
    ],
    ["a scale that is no number", [weight("F8_E4M3"), scale([Number.NaN], [])], "a.weight_scale", /holds NaN/],
    ["a scale below zero", [weight("F8_E4M3"), scale([-1], [])], "a.weight_scale", /holds -1/],
    [
      "a scale of nothing",
      [weight("F16", [2], "a.bias"), scale([1], [])],
      "a.weight_scale",
      /a weight that is not there/,
    ],
    ["a scale of float16", [weight("F16"), scale([1], [])], "a.weight", /stored as F16 and has a scale/],
    [
      "another type than its format's",
      [weight("I8"), scale([1], []), format({ format: "float8_e4m3fn" })],
      "a.weight",
      /stored as I8 .* float8_e4m3fn/,
    ],
    ["int8 without a scale", [weight("I8")], "a.weight", /I8 without a scale/],
    ["a format without its scale", [weight("I8"), format(int8)], "a.weight", /its weight_scale is missing/],
    ["int8 that may be rotated or not", [weight("I8"), scale([1], [])], "a.weight", /without a comfy_quant/],
    [
      "a rotation that doesn't divide",
      [weight("I8"), scale([1], []), format({ ...int8, convrot: true })],
      "a.weight",
      /groups of 256/,
    ],
    [
      "a rotation of no power of four",
      [weight("I8"), scale([1], []), format({ ...int8, convrot: true, convrot_groupsize: 2 })],
      "a.weight",
      /power of four/,
    ],
    [
      "a format that is no JSON",
      [weight("I8"), scale([1], []), { ...format(int8), bytes: format(int8).bytes.map(() => 0x7b) }],
      "a.comfy_quant",
      /does not say a format/,
    ],
    [
      "nvfp4",
      [
        weight("U8"),
        weight("F8_E4M3", [2, 1], "a.weight_scale"),
        scale([1], [], "a.weight_scale_2"),
        format({ format: "nvfp4" }),
      ],
      "a.weight_scale_2",
      /as nvfp4/,
    ],
    [
      "mxfp8",
      [weight("F8_E4M3"), weight("F8_E8M0", [2, 1], "a.weight_scale"), format({ format: "mxfp8" })],
      "a.weight_scale",
      /as mxfp8/,
    ],
    [
      "mxfp8 with its scales as bytes",
      [weight("F8_E4M3"), weight("U8", [2, 1], "a.weight_scale"), format({ format: "mxfp8" })],
      "a.comfy_quant",
      /"mxfp8"/,
    ],
    ["w4a8", [weight("I8"), scale([1], []), format({ format: "asym_w4a8_int8" })], "a.comfy_quant", /"asym_w4a8_int8"/],
    [
      "Nunchaku's svdquant",
      [weight("I8", [2, 4], "a.qweight"), weight("F16", [2], "a.wscales"), weight("F16", [4], "a.smooth_factor")],
      "a.wscales",
      /svdquant/,
    ],
    ["bitsandbytes", [weight("U8"), scale([1, 2], [2], "a.weight.absmax")], "a.weight.absmax", /bitsandbytes/],
    ["GPTQ", [weight("I8", [2, 4], "a.qweight")], "a.qweight", /GPTQ/],
  ];
  test.each(cases)("%s", async (_, tensors, tensor, message) => {
    await expect(read(tensors)).rejects.toMatchObject({
      code: "model",
      message: expect.stringMatching(message),
      details: { tensor },
    });
  });
});
