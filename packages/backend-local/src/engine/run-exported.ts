import type { InferenceSession, Tensor } from "onnxruntime-node";
import { modelError } from "../files/model-error.ts";
import { toFloat32, toHalf } from "../files/to-float32.ts";

/** What exporters call the outputs that ours are called otherwise. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  moments: ["latent_parameters"],
  out_sample: ["sample", "noise_pred"],
  sample: ["out_sample", "image"],
};

/** A run of an exported graph: with our names, types and ranks of inputs and outputs. */
export interface ExportedRun {
  /** Of the graph, for messages. */
  path: string;
  feeds: Readonly<Record<string, Tensor>>;
  outputs: readonly string[];
  Tensor: typeof Tensor;
}

/**
 * Runs a graph that another program exported. Its own ports say what it takes: values are turned into their types, and ones in a list of
 * one into scalars; half-precision results come back in float32. An input that it doesn't have is left out only where it has none of that
 * kind at all, as timesteps and texts never are.
 *
 * @throws ModelError where it lacks an input or an output that is needed.
 */
export async function runExported(
  session: InferenceSession,
  { path, feeds, outputs, Tensor: Made }: ExportedRun,
): Promise<Record<string, Tensor>> {
  const adapted: Record<string, Tensor> = {};
  for (const port of session.inputMetadata) {
    const given = feeds[port.name];
    if (given === undefined || !port.isTensor) throw unfit(path, "takes an input", port.name);
    adapted[port.name] = asPort(given, port.type, port.shape.length, Made);
  }
  const unused = Object.keys(feeds).find((name) => !Object.hasOwn(adapted, name));
  if (unused !== undefined) throw unfit(path, "has no input", unused);
  const names = outputs.map((output) => {
    const found = [output, ...(otherNames[output] ?? [])].find((name) => session.outputNames.includes(name));
    if (found === undefined) throw unfit(path, "has no output", output);
    return found;
  });
  const results = await session.run(adapted, [...new Set(names)]);
  return Object.fromEntries(outputs.map((output, i) => [output, inFloat32(results[names[i]!]!, Made)]));
}

function unfit(path: string, what: string, name: string) {
  const message = `${path}: the exported graph ${what} ${JSON.stringify(name)}, which its kind of model does not have or needs`;
  return modelError("unsupported", message, { file: path });
}

function asPort(given: Tensor, type: Tensor.Type, rank: number, Made: typeof Tensor): Tensor {
  // A timestep may be a scalar.
  const dims = rank === 0 && given.size === 1 ? [] : given.dims;
  if (given.type === type) return dims === given.dims ? given : new Made(type, given.data as Float32Array, dims);
  const values = given.data as Float32Array | Int32Array;
  switch (type) {
    case "float16":
      // onnxruntime-node 1.30 takes halves as their bits alone, and Tensor's constructor makes Float16Arrays of them on newer Nodes.
      return {
        type,
        data: toHalf(Float32Array.from(values)),
        dims,
        size: given.size,
        location: "cpu",
      } as unknown as Tensor;
    case "int64":
      return new Made(
        type,
        BigInt64Array.from(values, (value) => BigInt(Math.round(value))),
        dims,
      );
    case "int32":
      return new Made(type, Int32Array.from(values), dims);
    case "float64":
      return new Made(type, Float64Array.from(values), dims);
    default:
      return new Made("float32", Float32Array.from(values), dims);
  }
}

function inFloat32(result: Tensor, Made: typeof Tensor): Tensor {
  if (result.type === "float32") return result;
  const { data, dims } = result;
  if (result.type !== "float16") return new Made("float32", Float32Array.from(data as Float64Array), dims);
  const { buffer, byteOffset, byteLength } = data as Uint16Array;
  return new Made("float32", toFloat32(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength), "F16"), dims);
}
