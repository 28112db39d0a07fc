import type { InferenceSession, Tensor } from "onnxruntime-node";
import type { DataType } from "../../graph/data-type.ts";
import type { BuiltModel } from "../../graph/graph-builder.ts";
import type { OnnxInitializer, OnnxModel, OnnxNode } from "../../graph/onnx-model.ts";
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

/** Numbers that are made ready at once, unless it is one weight. */
const atOnce = 16 * 1024 * 1024;

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
  const keep = async (name: string, tensor: Tensor) => made.set(name, await initializer(name, tensor, file));
  const compute = (parts: readonly HostPart[]) => onHost(model, parts, { root: built.root, Session });
  const kept = new Set<OnnxNode>();
  try {
    for (const batch of batches(new WeightPlans(model, prepared, takes, smallWeight).all())) {
      const parts = new Map(batch.flatMap(({ host }) => host).map((part) => [part.value, part]));
      const values = await compute([...parts.values()].filter(({ value }) => !made.has(value)));
      const beyond = (plan: WeightPlan) =>
        plan.host.some(({ value, isHalf }) => isHalf && values.has(value) && overflows(values.get(value)!));
      for (const plan of batch) {
        const isWhole = beyond(plan);
        const own = isWhole ? await compute([plan.whole]) : values;
        for (const { value } of isWhole ? [plan.whole] : plan.host)
          if (!made.has(value)) await keep(value, own.get(value)!);
        if (!isWhole) for (const node of plan.device) kept.add(node);
      }
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

/** Weights that are made ready at once: a session for each of thousands would take longer than the work, one for all all their memory. */
function batches(plans: readonly WeightPlan[]): WeightPlan[][] {
  const made: WeightPlan[][] = [];
  let room = 0;
  for (const plan of plans) {
    room -= plan.numbers;
    if (room < 0) {
      made.push([]);
      room = atOnce - plan.numbers;
    }
    made.at(-1)!.push(plan);
  }
  return made;
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
