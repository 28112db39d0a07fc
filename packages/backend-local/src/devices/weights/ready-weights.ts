import type { InferenceSession, Tensor } from "onnxruntime-node";
import type { DataType } from "../../graph/data-type.ts";
import type { BuiltModel } from "../../graph/graph-builder.ts";
import type { OnnxInitializer, OnnxModel } from "../../graph/onnx-model.ts";
import { type HostPart, onHost } from "./on-host.ts";
import { WeightFile } from "./weight-file.ts";
import { type StoredTypes, type WeightPlan, WeightPlans } from "./weight-plan.ts";

/** A model whose weights are as a device takes them. */
export interface ReadyModel {
  readonly model: OnnxModel;
  /** To be called once the session is made: the weights are on the device then. */
  dispose(): Promise<void>;
}

/** Weights of up to so many numbers are written into the model in float32: making each ready in each run would cost more than it saves. */
const smallWeight = 16_384;

/** A model with weights that a device takes: those that it can't take as they are stored are made ready here. `model` is `built` in the device's words. */
export async function readyWeights(
  model: OnnxModel,
  built: BuiltModel,
  takes: StoredTypes,
  Session: typeof InferenceSession,
): Promise<ReadyModel> {
  const prepared = new Set(built.nodes.slice(0, built.prepared));
  const file = new WeightFile(built.root);
  const dispose = () => file.remove();
  const made = new Map<string, OnnxInitializer>();
  const compute = async (parts: readonly HostPart[]) => {
    const wanted = parts.filter(({ value }) => !made.has(value));
    const tensors = await onHost(model, wanted, { root: built.root, Session });
    if (wanted.some(({ isHalf }, i) => isHalf && overflows(tensors[i]!))) return false;
    for (const [i, { value }] of wanted.entries()) made.set(value, await initializer(value, tensors[i]!, file));
    return true;
  };
  const kept = new Set<WeightPlan["device"][number]>();
  try {
    for (const { host, device, whole } of new WeightPlans(model, prepared, takes, smallWeight).all()) {
      if (await compute(host)) for (const node of device) kept.add(node);
      else await compute([whole]);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  const ready = [...kept].filter(({ outputs }) => !made.has(outputs[0]!));
  const nodes = [...ready, ...model.nodes.filter((node) => !prepared.has(node))];
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const initializers = [...model.initializers, ...made.values()].filter(({ name }) => used.has(name));
  return { model: { ...model, nodes, initializers }, dispose };
}

async function initializer(name: string, { type, dims, data }: Tensor, file: WeightFile): Promise<OnnxInitializer> {
  const { buffer, byteOffset, byteLength } = data as Float32Array<ArrayBuffer>;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const isSmall = dims.reduce((a, b) => a * b, 1) <= smallWeight;
  return { name, type: type as DataType, dims, data: isSmall ? bytes : await file.add(bytes) };
}

/** Whether a float16 tensor holds anything that is no finite number. */
function overflows({ data }: Tensor): boolean {
  const { buffer, byteOffset, byteLength } = data as Float32Array<ArrayBuffer>;
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
  // Of thousands of millions: a function for each would take as long as making them.
  for (let i = 0; i < halves.length; i++) if ((halves[i]! & 0x7c00) === 0x7c00) return true;
  return false;
}

/** Whether all weights lie in float16 or in the model: what computes in float16 takes them as they are. */
export function onlyHalfFiles({ initializers }: OnnxModel): boolean {
  return initializers.every(({ type, data }) => data instanceof Uint8Array || type === "float16");
}
