import { readBytes, readTensor } from "../files/read-tensor.ts";
import type { WeightTensor } from "../files/safetensors.ts";
import { blockTypes } from "../files/stored-type.ts";
import { rowsOf } from "../files/tensor-views.ts";
import { isFloatType, toHalf } from "../files/to-float32.ts";
import { isLinearWeight, type QuantizeFormat, rotationOf } from "./quantise-format.ts";
import { fp8, int8Rows, largest, q4_0, q8_0 } from "./quantise-rows.ts";

/** A tensor as it is to be written: known by its size before any of it is read. */
export interface PlannedTensor {
  name: string;
  dtype: string;
  shape: readonly number[];
  /** In bytes. */
  length: number;
  /** Whether it holds a weight in fewer bits. */
  quantised?: true;
  /** Its bytes, a stretch at a time. */
  read(): AsyncIterable<Uint8Array>;
}

/** Elements that are read at once. */
const atOnce = 4 * 1024 * 1024;

/** Safetensors' tensors that stand for one of the source: ComfyUI's quantised layout has three for a weight. */
export function plannedTensors(tensor: WeightTensor, format: QuantizeFormat, whole: boolean): PlannedTensor[] {
  const { name, shape } = tensor;
  const [rows = 1, columns = 1] = shape;
  if (format === "fp8" && shape.length >= 2 && isMatrixLike(tensor, whole))
    return [
      {
        name,
        dtype: "F8_E4M3",
        shape,
        length: count(shape),
        quantised: true,
        read: () => stretches(tensor, (values) => fp8(values)),
      },
    ];
  if (format === "fp8" || !isLinearWeight(tensor, whole)) return [unchanged(tensor)];
  const layer = name.slice(0, -".weight".length);
  const scaled = (value: object, dtype: string, read: PlannedTensor["read"], scale: PlannedTensor): PlannedTensor[] => [
    { name, dtype, shape, length: rows * columns, quantised: true, read },
    scale,
    textTensor(`${layer}.comfy_quant`, JSON.stringify(value)),
  ];
  if (format === "fp8_scaled") {
    let known: Promise<number> | undefined;
    const scale = () => (known ??= fp8Scale(tensor));
    const read = async function* () {
      const by = await scale();
      yield* stretches(tensor, (values) => fp8(values, by));
    };
    const own = {
      name: `${layer}.weight_scale`,
      dtype: "F32",
      shape: [],
      length: 4,
      read: () => later(async () => Float32Array.of(await scale())),
    };
    return scaled({ format: "float8_e4m3fn" }, "F8_E4M3", read, own);
  }
  const rotation = format === "int8_convrot" ? rotationOf(columns) : undefined;
  // The scales are what quantising leaves behind: the weight is written first.
  const scales = new Float32Array(rows);
  let row = 0;
  const read = () =>
    stretches(tensor, (values) => {
      const made = int8Rows(values, columns, rotation);
      scales.set(made.scales!, row);
      row += made.scales!.length;
      return made.bytes;
    });
  const own = {
    name: `${layer}.weight_scale`,
    dtype: "F32",
    shape: [rows, 1],
    length: 4 * rows,
    read: () => later(async () => scales),
  };
  const convrot = rotation === undefined ? {} : { convrot: true, convrot_groupsize: rotation };
  return scaled({ format: "int8_tensorwise", ...convrot }, "I8", read, own);
}

/** A tensor for GGUF: in blocks where its elements make whole ones, else in half precision; vectors in full. */
export function plannedBlocks(tensor: WeightTensor, format: "q8_0" | "q4_0", own: string): PlannedTensor {
  const { shape } = tensor;
  const [type, make] = format === "q8_0" ? (["Q8_0", q8_0] as const) : (["Q4_0", q4_0] as const);
  const { elements, bytes } = blockTypes[type];
  const size = count(shape);
  const plain = shape.length < 2 || size <= 1024;
  if (!plain && size % 256 === 0 && !/embedding|embed\./.test(own))
    return {
      name: own,
      dtype: type,
      shape,
      length: (size / elements) * bytes,
      quantised: true,
      read: () => stretches(tensor, make, elements),
    };
  if (plain) {
    const read = () => stretches(tensor, (values) => bytesOf(values));
    return { name: own, dtype: "F32", shape, length: 4 * size, read };
  }
  return {
    name: own,
    dtype: "F16",
    shape,
    length: 2 * size,
    read: () => stretches(tensor, (values) => bytesOf(toHalf(values))),
  };
}

/** As it lies, where that is a type by itself; what had a scale or lay in blocks in half precision. */
function unchanged(tensor: WeightTensor): PlannedTensor {
  const { name, dtype, shape, length, scale } = tensor;
  if (scale === undefined && (isFloatType(dtype) || !/^Q\d/.test(dtype)))
    return { name, dtype, shape, length, read: () => rawStretches(tensor) };
  return {
    name,
    dtype: "F16",
    shape,
    length: 2 * count(shape),
    read: () => stretches(tensor, (values) => bytesOf(toHalf(values))),
  };
}

/** Plain fp8 is for kernels too. */
function isMatrixLike(tensor: WeightTensor, whole: boolean): boolean {
  const matrix = { ...tensor, shape: [tensor.shape[0]!, count(tensor.shape.slice(1))] };
  return isLinearWeight(matrix, whole);
}

async function fp8Scale(tensor: WeightTensor): Promise<number> {
  let most = 0;
  for await (const values of numbers(tensor)) most = Math.max(most, largest(values));
  return Math.max(Math.fround(most / 448), Math.fround(1e-30));
}

async function* stretches(
  tensor: WeightTensor,
  make: (values: Float32Array) => Uint8Array,
  block = 1,
): AsyncIterable<Uint8Array> {
  for await (const values of numbers(tensor, block)) yield make(values);
}

/** What a tensor's elements stand for, whole rows (and blocks) at a time. */
async function* numbers(tensor: WeightTensor, block = 1): AsyncIterable<Float32Array> {
  const [rows = 1, ...rest] = tensor.shape;
  const width = count(rest);
  // Rows that are no whole blocks follow each other within one: such tensors are small kernels.
  if (tensor.shape.length < 2 || width % block !== 0 || !Number.isInteger(tensor.length / rows)) {
    yield await readTensor(tensor);
    return;
  }
  const step = Math.max(1, Math.floor(atOnce / width));
  for (let row = 0; row < rows; row += step) yield await readTensor(rowsOf(tensor, row, Math.min(rows, row + step)));
}

async function* rawStretches(tensor: WeightTensor): AsyncIterable<Uint8Array> {
  for (let at = 0; at < tensor.length; at += 4 * atOnce)
    yield await readBytes({ ...tensor, offset: tensor.offset + at, length: Math.min(4 * atOnce, tensor.length - at) });
}

async function* later(make: () => Promise<Float32Array>): AsyncIterable<Uint8Array> {
  yield bytesOf(await make());
}

function textTensor(name: string, text: string): PlannedTensor {
  const bytes = Buffer.from(text);
  return {
    name,
    dtype: "U8",
    shape: [bytes.length],
    length: bytes.length,
    async *read() {
      yield bytes;
    },
  };
}

function bytesOf(values: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}
