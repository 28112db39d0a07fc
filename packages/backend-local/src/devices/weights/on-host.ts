import type { InferenceSession, Tensor } from "onnxruntime-node";
import type { DataType } from "../../graph/data-type.ts";
import { encodeModel, type OnnxModel, type OnnxNode } from "../../graph/onnx-model.ts";

/** A value that the host is to compute. */
export interface HostPart {
  readonly value: string;
  readonly type: DataType;
  /** What computes it, in order, of constants alone. */
  readonly nodes: readonly OnnxNode[];
  /** Whether it is a weight in float16 that was stored otherwise. */
  readonly isHalf?: boolean;
}

/** Where constants lie, and what computes. */
export interface Host {
  readonly root: string;
  readonly Session: typeof InferenceSession;
}

/** Values that follow from a model's constants alone, as the CPU computes them. */
export async function onHost(
  { initializers, opsets }: OnnxModel,
  parts: readonly HostPart[],
  { root, Session }: Host,
): Promise<ReadonlyMap<string, Tensor>> {
  if (parts.length === 0) return new Map();
  const nodes = [...new Set(parts.flatMap((part) => part.nodes))];
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const model = {
    name: "weight",
    nodes,
    initializers: initializers.filter(({ name }) => used.has(name)),
    inputs: [],
    outputs: parts.map(({ value, type }) => ({ name: value, type })),
    opsets,
  };
  const session = await Session.create(encodeModel(model), {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 3,
    extra: { session: { disable_prepacking: "1", model_external_initializers_file_folder_path: root } },
  });
  try {
    return new Map(Object.entries(await session.run({})));
  } finally {
    await session.release();
  }
}
