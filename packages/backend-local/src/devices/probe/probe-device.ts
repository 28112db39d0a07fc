import type { InferenceSession, Tensor } from "onnxruntime-node";
import { dataTypeCodes } from "../../graph/data-type.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { encodeModel } from "../../graph/onnx-model.ts";
import { providerOf } from "../device.ts";
import type { DeviceName } from "../device-name.ts";
import { type Dialect, dialectOf } from "../dialect.ts";
import { spell } from "../spell.ts";
import { type Kernel, type KernelFamily, kernelFamilies, kernels } from "./kernels.ts";
import { isRight, type ProbeReport, spared } from "./probe-report.ts";

/** What of onnxruntime a probe uses. */
export interface Onnxruntime {
  readonly InferenceSession: typeof InferenceSession;
  readonly Tensor: typeof Tensor;
  readonly env: { readonly versions: { readonly node?: string } };
}

/** Which device to try. */
export interface ProbeTarget {
  readonly device: DeviceName;
  readonly deviceId?: number | undefined;
}

/** Tries a device: whether it is there, has float16, computes rightly, and how fast. It may end the process. */
export async function probeDevice(ort: Onnxruntime, target: ProbeTarget): Promise<ProbeReport> {
  const from = performance.now();
  const { device } = target;
  const version = ort.env.versions.node;
  const base = { device, float16: false, errors: {}, ...(version === undefined ? {} : { version }) };
  const report = (more: Partial<ProbeReport>): ProbeReport => ({
    ...base,
    usable: false,
    ...more,
    ms: Math.round(performance.now() - from),
  });
  const trial = new Trial(ort, target);
  try {
    await trial.run(relu);
  } catch (error) {
    return report({ why: reasonOf(error) });
  }
  const float16 = await trial.run(halves).then(
    () => true,
    () => false,
  );
  const errors = await kernelErrors(trial);
  const wrong = kernelFamilies.find((family) => !spared.includes(family) && !isRight({ errors }, family));
  if (wrong !== undefined) {
    const error = errors[wrong]!;
    const off = Number.isFinite(error) ? `is off by ${(100 * error).toPrecision(2)}%` : "gives no numbers, or fails";
    return report({ float16, errors, why: `its ${wrong} kernel ${off}` });
  }
  const gflops = await speed(trial);
  const cpuGflops = device === "cpu" ? gflops : await speed(new Trial(ort, { device: "cpu" }));
  return report({ usable: true, float16, errors, gflops, cpuGflops });
}

/** The part of an error that says why. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const said = text.split(" was false. ").at(-1)!;
  return said.replaceAll(/\s+/g, " ").trim().slice(0, 500);
}

/** A small graph: what is fed, the shapes of what it gives, and its operators. */
interface Sample {
  readonly feeds: Kernel["feeds"];
  readonly outputs: Readonly<Record<string, readonly number[]>>;
  build(graph: GraphBuilder, inputs: Readonly<Record<string, Value>>): Readonly<Record<string, Value>>;
}

/** Small graphs on one device. */
class Trial {
  readonly #ort: Onnxruntime;
  readonly #options: InferenceSession.SessionOptions;
  /** What networks would be spelled in: in other words the CPU might do the work, and pass for the device. */
  readonly #dialect: Dialect;

  constructor(ort: Onnxruntime, { device, deviceId }: ProbeTarget) {
    this.#ort = ort;
    this.#dialect = dialectOf(device, { float16: true, attention: true, dequantize: true });
    const name = providerOf[device];
    const own = deviceId === undefined ? name : { name, deviceId };
    const executionProviders = name === "cpu" ? ["cpu"] : [own as InferenceSession.ExecutionProviderConfig, "cpu"];
    // Constants are not to be computed beforehand, by the CPU.
    const extra = { optimization: { disable_specified_optimizers: "ConstantFolding" } };
    this.#options = { executionProviders, logSeverityLevel: 4, extra };
  }

  /** Runs a graph `repeat` times; gives its outputs, and the least milliseconds of a run. */
  async run({ feeds, outputs, build }: Sample, repeat = 1) {
    const { InferenceSession: Session, Tensor: Made } = this.#ort;
    const graph = new GraphBuilder("probe");
    const inputs: Record<string, Value> = {};
    const tensors: Record<string, Tensor> = {};
    for (const [name, { dims, data }] of Object.entries(feeds)) {
      inputs[name] = graph.input(name, "float32", dims);
      tensors[name] = new Made("float32", Float32Array.from(data), dims);
    }
    const made = build(graph, inputs);
    for (const [name, dims] of Object.entries(outputs)) graph.output(made[name]!, name, "float32", dims);
    const session = await Session.create(encodeModel(spell(graph.built(), this.#dialect)), this.#options);
    try {
      let ms = Number.POSITIVE_INFINITY;
      let results: InferenceSession.ReturnType = {};
      for (let i = 0; i < repeat; i++) {
        const from = performance.now();
        results = await session.run(tensors);
        ms = Math.min(ms, performance.now() - from);
      }
      return { results, ms };
    } finally {
      await session.release();
    }
  }
}

const four = { dims: [4], data: Float64Array.of(-1, 0, 1, 2) };

const relu: Sample = {
  feeds: { x: four },
  outputs: { y: [4] },
  build: (graph, { x }) => ({ y: graph.node("Relu", [x]) }),
};

/** Fails where the device has no float16. */
const halves: Sample = {
  feeds: { x: four },
  outputs: { y: [4] },
  build(graph, { x }) {
    const cast = (value: Value | undefined, to: "float16" | "float32") =>
      graph.node("Cast", [value], { attributes: { to: { int: dataTypeCodes[to] } } });
    return { y: cast(graph.node("Relu", [cast(x, "float16")]), "float32") };
  },
};

/** Every kernel in one graph; one by one only where that fails, to learn which. */
async function kernelErrors(trial: Trial): Promise<Partial<Record<KernelFamily, number>>> {
  const all = kernels().map((kernel, i) => ({ ...kernel, name: `k${i}`, result: kernel.expected() }));
  const errors: Partial<Record<KernelFamily, number>> = {};
  const measure = async (some: typeof all) => {
    const { results } = await trial.run(sampleOf(some));
    for (const { family, name, result } of some) {
      const error = apart(results[name]!.data as Float32Array, result.data);
      errors[family] = Math.max(errors[family] ?? 0, error);
    }
  };
  try {
    await measure(all);
  } catch {
    for (const each of all) await measure([each]).catch(() => (errors[each.family] = Number.POSITIVE_INFINITY));
  }
  return errors;
}

function sampleOf(some: readonly (Kernel & { name: string; result: { dims: readonly number[] } })[]): Sample {
  const own = (name: string, input: string) => `${name}.${input}`;
  return {
    feeds: Object.fromEntries(
      some.flatMap(({ name, feeds }) => Object.entries(feeds).map(([input, wide]) => [own(name, input), wide])),
    ),
    outputs: Object.fromEntries(some.map(({ name, result }) => [name, result.dims])),
    build: (graph, inputs) =>
      Object.fromEntries(
        some.map(({ name, feeds, add }) => [
          name,
          add(
            graph,
            Object.keys(feeds).map((input) => inputs[own(name, input)]!),
          ),
        ]),
      ),
  };
}

/** ‖a − b‖/‖b‖; infinite where a has anything that is no number. */
function apart(a: Float32Array, b: Float64Array): number {
  let [difference, size] = [0, 0];
  for (const [i, value] of b.entries()) {
    difference += (a[i]! - value) ** 2;
    size += value ** 2;
  }
  const error = Math.sqrt(difference / size);
  return Number.isFinite(error) ? error : Number.POSITIVE_INFINITY;
}

/** Products of matrices, thousand million operations a second: as large as fit a moment. */
async function speed(trial: Trial): Promise<number> {
  let gflops = 0;
  for (const [side, links] of [
    [192, 1],
    [768, 1],
    [1024, 16],
  ] as const) {
    const { ms } = await trial.run(chain(side, links), 2);
    const flops = links * 2 * side ** 3;
    gflops = Math.max(gflops, flops / ms / 1e6);
    // The next one is 64 times as much, or 38.
    if (ms > 4) break;
  }
  return Number(gflops.toPrecision(3));
}

function chain(side: number, links: number): Sample {
  const dims = [side, side];
  const data = Float64Array.from({ length: side * side }, (_, i) => Math.sin(i) / side);
  return {
    feeds: { x: { dims, data } },
    outputs: { y: [1, side] },
    build(graph, { x }) {
      let value = x!;
      for (let i = 0; i < links; i++) value = graph.node("MatMul", [value, x]);
      // What comes back is a row: the way back is not what is measured.
      return { y: graph.node("Slice", [value, graph.ints([0]), graph.ints([1]), graph.ints([0])]) };
    },
  };
}
