import { modelError } from "../../files/model-error.ts";
import { readTensor } from "../../files/read-tensor.ts";
import type { WeightTensor } from "../../files/safetensors.ts";
import type { LoraFile, LoraLayer } from "./lora-file.ts";
import { add, hadamard, kronecker, type Matrix, multiply, scale, scaleOwn, transpose } from "./matrix.ts";

/**
 * What an adapter adds to a layer's weight `[out, in·kernel]`: `up·down`, a product of low rank, or the whole of it.
 * The strength is in it.
 */
export type LayerDelta = { kind: "low-rank"; up: Matrix; down: Matrix } | { kind: "dense"; weight: Matrix };

/** The weight that a layer has without adapters. */
export interface BaseLayer {
  /** As the graph has it: `[out, in]`, or `[out, in, kernel, kernel]`. */
  readonly shape: readonly number[];
  readonly weight: WeightTensor;
}

/**
 * What a LoRA (Hu et al. 2021, https://arxiv.org/abs/2106.09685), LoCon, LoHa or LoKr (LyCORIS, https://arxiv.org/abs/2309.14859) or
 * DoRA (https://arxiv.org/abs/2402.09353) adds to a layer. Each layer's own α counts, over its rank; without one the factor is 1.
 *
 * A DoRA follows the paper: `m·(W + Δ)/‖W + Δ‖`, the norm taken over each output's row (PEFT's `lora_magnitude_vector`, and a
 * `dora_scale` of one number a row) or over each input's column (`dora_scale` of one a column); with a strength s, what is
 * added is s times the difference from W. diffusers passes over kohya's `dora_scale`, and ComfyUI divides rows by W's own norm.
 *
 * @throws {@link ModelError} naming the tensor that is missing or does not fit the layer.
 */
export async function layerDelta(
  file: LoraFile,
  layer: LoraLayer,
  base: BaseLayer,
  strength: number,
): Promise<LayerDelta> {
  const reader = new Reader(file, layer, base);
  const { magnitude } = reader;
  const plain = await plainDelta(reader, magnitude === undefined ? strength : 1);
  if (magnitude === undefined) return plain;
  return scaledDelta(plain, await readTensor(magnitude, file.opened), reader, strength);
}

/** What a DoRA's magnitudes make of a layer's delta. */
async function scaledDelta(plain: LayerDelta, magnitude: Float32Array, reader: Reader, strength: number) {
  const weight = await reader.base();
  const scaled = withMagnitude(add(weight, dense(plain)), magnitude, reader);
  return { kind: "dense", weight: scale(add(scaled, scale(weight, -1)), strength) } as const;
}

/**
 * What an adapter of a layer that makes several at once adds to one of these: its rows `from` to `to`, of so many equal parts.
 *
 * @throws {@link ModelError} as {@link layerDelta}, and for a DoRA of columns, whose lengths are those of the whole.
 */
export async function partDelta(
  file: LoraFile,
  layer: LoraLayer,
  base: BaseLayer,
  strength: number,
  [from, to, of]: readonly [from: number, to: number, of: number],
): Promise<LayerDelta> {
  const [outputs = 0, inputs = 0] = base.shape;
  const each = outputs / (to - from);
  const whole = { ...base, shape: [each * of, inputs] };
  const reader = new Reader(file, layer, whole);
  const { magnitude } = reader;
  if (magnitude !== undefined && isByColumn(reader))
    throw reader.fail("it is a DoRA of the columns of several layers that are one there, which is not supported");
  const delta = await plainDelta(reader, magnitude === undefined ? strength : 1);
  const rows = (matrix: Matrix): Matrix => ({
    rows: outputs,
    columns: matrix.columns,
    data: matrix.data.subarray(from * each * matrix.columns, to * each * matrix.columns),
  });
  const part: LayerDelta =
    delta.kind === "dense"
      ? { kind: "dense", weight: rows(delta.weight) }
      : { kind: "low-rank", up: rows(delta.up), down: delta.down };
  if (magnitude === undefined) return part;
  // A row's length is its own: each layer's can be brought to it alone.
  const lengths = await readTensor(magnitude, file.opened);
  if (lengths.length !== each * of) throw reader.fail(`its magnitude has ${lengths.length} numbers`);
  return scaledDelta(part, lengths.subarray(from * each, to * each), new Reader(file, layer, base), strength);
}

/** The whole of a delta. */
export function dense(delta: LayerDelta): Matrix {
  return delta.kind === "dense" ? delta.weight : multiply(delta.up, delta.down);
}

async function plainDelta(reader: Reader, strength: number): Promise<LayerDelta> {
  const { tensors } = reader.layer;
  if (tensors.has("down")) return lowRank(reader, strength);
  if (tensors.has("hada_w1_a")) return { kind: "dense", weight: await loha(reader, strength) };
  if (tensors.has("lokr_w1") || tensors.has("lokr_w1_a"))
    return { kind: "dense", weight: await lokr(reader, strength) };
  if (tensors.has("diff")) return { kind: "dense", weight: scale(await reader.whole("diff"), strength) };
  throw reader.fail(`has ${[...tensors.keys()].join(", ")} and no product among them`);
}

async function lowRank(reader: Reader, strength: number): Promise<LayerDelta> {
  const { kernel, inputs } = reader;
  const downTensor = reader.need("down");
  const rank = downTensor.shape[0]!;
  const up = await reader.matrix("up", reader.outputs);
  const factor = (await reader.alphaOver(rank)) * strength;
  const mid = reader.layer.tensors.get("mid");
  // CP form: down is 1×1, mid has the kernel.
  const down = mid ? await throughMid(reader, rank) : await reader.matrix("down", rank, inputs * kernel);
  if (up.columns !== down.rows) throw reader.fail(`up is of rank ${up.columns}, down of ${down.rows}`);
  return { kind: "low-rank", up: scaleOwn(up, factor), down };
}

/** `mid[i, j, kernel]` over `down[j, in]` as one down `[i, in·kernel]`. */
async function throughMid(reader: Reader, rank: number): Promise<Matrix> {
  const { kernel, inputs } = reader;
  const mid = reader.need("mid");
  const rows = mid.shape[0]!;
  const values = await reader.matrix("mid", rows, rank * kernel);
  const down = await reader.matrix("down", rank, inputs);
  return tucker(values, down, rows, kernel);
}

/** `core[i, j, kernel]` over `b[j, in]`: `[i, in·kernel]`. */
function tucker(core: Matrix, b: Matrix, rows: number, kernel: number): Matrix {
  const data = new Float32Array(rows * b.columns * kernel);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < b.rows; j++) {
      for (let k = 0; k < kernel; k++) {
        const factor = core.data[(i * b.rows + j) * kernel + k]!;
        for (let n = 0; n < b.columns; n++) {
          const at = (i * b.columns + n) * kernel + k;
          data[at] = data[at]! + factor * b.data[j * b.columns + n]!;
        }
      }
    }
  }
  return { rows, columns: b.columns * kernel, data };
}

/** LoHa: `(w1a·w1b) ⊙ (w2a·w2b)`; for kernels also in Tucker's form, with `w1a` the other way round. */
async function loha(reader: Reader, strength: number): Promise<Matrix> {
  const { kernel, inputs, outputs } = reader;
  const rank = reader.need("hada_w1_b").shape[0]!;
  const half = async (n: 1 | 2) => {
    if (!reader.layer.tensors.has(`hada_t${n}`)) {
      const a = await reader.matrix(`hada_w${n}_a`, outputs, rank);
      return multiply(a, await reader.matrix(`hada_w${n}_b`, rank, inputs * kernel));
    }
    const core = await reader.matrix(`hada_t${n}`, rank, rank * kernel);
    const inner = tucker(core, await reader.matrix(`hada_w${n}_b`, rank, inputs), rank, kernel);
    return multiply(transpose(await reader.matrix(`hada_w${n}_a`, rank, outputs)), inner);
  };
  const factor = (await reader.alphaOver(rank)) * strength;
  return scale(hadamard(await half(1), await half(2)), factor);
}

/** LoKr: `w1 ⊗ w2`, each whole or a product. α counts only where one is a product. */
async function lokr(reader: Reader, strength: number): Promise<Matrix> {
  const { tensors } = reader.layer;
  const { kernel, inputs, outputs } = reader;
  let rank: number | undefined;
  const factors = async (name: string) => {
    const [a, b] = [reader.need(`${name}_a`), reader.need(`${name}_b`)];
    rank = b.shape[0]!;
    return [a, b] as const;
  };
  const first = async () => {
    if (tensors.has("lokr_w1")) return reader.matrix("lokr_w1", reader.need("lokr_w1").shape[0]!);
    const [a] = await factors("lokr_w1");
    return multiply(await reader.matrix("lokr_w1_a", a.shape[0]!), await reader.matrix("lokr_w1_b", rank!));
  };
  const w1 = await first();
  const [rows, columns] = [outputs / w1.rows, inputs / w1.columns];
  if (!Number.isInteger(rows) || !Number.isInteger(columns))
    throw reader.fail(`lokr_w1 is [${w1.rows}, ${w1.columns}]`);
  const second = async () => {
    if (tensors.has("lokr_w2")) return reader.matrix("lokr_w2", rows, columns * kernel);
    await factors("lokr_w2");
    if (!tensors.has("lokr_t2")) {
      const a = await reader.matrix("lokr_w2_a", rows, rank!);
      return multiply(a, await reader.matrix("lokr_w2_b", rank!, columns * kernel));
    }
    const core = await reader.matrix("lokr_t2", rank!, rank! * kernel);
    const inner = tucker(core, await reader.matrix("lokr_w2_b", rank!, columns), rank!, kernel);
    return multiply(transpose(await reader.matrix("lokr_w2_a", rank!, rows)), inner);
  };
  const w2 = await second();
  const factor = (rank === undefined ? 1 : await reader.alphaOver(rank)) * strength;
  return scale(kronecker(w1, w2), factor);
}

/** Whether a DoRA's magnitudes are one a column, `[1, in, …]`; `[out]`, `[out, 1]` and `[out, 1, 1, 1]` are one a row. */
function isByColumn({ inputs, magnitude }: Reader): boolean {
  const shape = magnitude?.shape ?? [];
  return (
    shape.length > 1 && shape[0] === 1 && shape.reduce((product, side) => product * side, 1) === inputs && inputs > 1
  );
}

/** The matrix with its rows, or its inputs' columns, brought to the lengths of `magnitude`. */
function withMagnitude(weight: Matrix, magnitude: Float32Array, reader: Reader): Matrix {
  const { kernel, outputs } = reader;
  const byColumn = isByColumn(reader);
  if (!byColumn && magnitude.length !== outputs) throw reader.fail(`its magnitude has ${magnitude.length} numbers`);
  const groupOf = byColumn
    ? (i: number) => Math.floor((i % weight.columns) / kernel)
    : (i: number) => Math.floor(i / weight.columns);
  const norms = new Float64Array(magnitude.length);
  for (let i = 0; i < weight.data.length; i++) norms[groupOf(i)] = norms[groupOf(i)]! + weight.data[i]! ** 2;
  const factors = magnitude.map((value, i) => value / Math.sqrt(norms[i]!));
  return { ...weight, data: weight.data.map((value, i) => value * factors[groupOf(i)]!) };
}

/** Reads a layer's tensors, each held against the layer's sizes. */
class Reader {
  readonly outputs: number;
  readonly inputs: number;
  readonly kernel: number;
  readonly layer: LoraLayer;
  readonly #file: LoraFile;
  readonly #base: BaseLayer;

  constructor(file: LoraFile, layer: LoraLayer, base: BaseLayer) {
    const [outputs, inputs, ...kernel] = base.shape as [number, number, ...number[]];
    this.outputs = outputs;
    this.inputs = inputs;
    this.kernel = kernel.reduce((product, side) => product * side, 1);
    this.layer = layer;
    this.#file = file;
    this.#base = base;
  }

  get magnitude(): WeightTensor | undefined {
    return this.layer.tensors.get("magnitude") ?? this.layer.tensors.get("doraScale");
  }

  need(role: string): WeightTensor {
    const tensor = this.layer.tensors.get(role);
    if (tensor === undefined) throw this.fail(`has no ${role}`);
    return tensor;
  }

  /** A tensor as a matrix of so many rows, and columns where these are known. */
  async matrix(role: string, rows: number, columns?: number): Promise<Matrix> {
    const tensor = this.need(role);
    const size = tensor.shape.reduce((product, side) => product * side, 1);
    const wide = columns ?? size / rows;
    if (size !== rows * wide || tensor.shape[0] !== rows) {
      const right = columns === undefined ? `[${rows}, …]` : `[${rows}, ${columns}]`;
      throw this.fail(`${role} is [${tensor.shape.join(", ")}]; the layer needs ${right}`);
    }
    return { rows, columns: wide, data: await readTensor(tensor, this.#file.opened) };
  }

  /** A tensor of the weight's own size. */
  whole(role: string): Promise<Matrix> {
    return this.matrix(role, this.outputs, this.inputs * this.kernel);
  }

  async base(): Promise<Matrix> {
    const { weight } = this.#base;
    const data = await readTensor(weight);
    const matrix = { rows: this.outputs, columns: this.inputs * this.kernel, data };
    return weight.transposed ? transpose({ ...matrix, rows: matrix.columns, columns: matrix.rows }) : matrix;
  }

  /** α over the rank; 1 where the file has no α. */
  async alphaOver(rank: number): Promise<number> {
    const own = this.layer.tensors.get("alpha");
    if (own) return (await readTensor(own, this.#file.opened))[0]! / rank;
    const peft = this.#file.alphas(this.layer);
    return peft?.alpha === undefined ? 1 : peft.alpha / (peft.rank ?? rank);
  }

  fail(message: string) {
    const { target, layer } = this.layer;
    const { path } = this.#file;
    return modelError("shape", `${path}: the layer ${layer} (${target}) does not fit the model: ${message}`, {
      file: path,
      tensor: layer,
    });
  }
}
