import type { InferenceSession } from "onnxruntime-node";
import type { BuiltModel } from "../../graph/graph-builder.ts";
import type { Layout } from "../../graph/layout.ts";
import type { OnnxInitializer, OnnxModel, OnnxNode } from "../../graph/onnx-model.ts";
import { type HostPart, onHost } from "./on-host.ts";
import { initializer, type ReadyModel } from "./ready-weights.ts";
import { WeightFile } from "./weight-file.ts";

/** Bytes of weights that are laid out at once. */
const atOnce = 256 * 1024 * 1024;

/**
 * A model whose products take weights as they are laid out here, from a file for as long as it takes to load them. Nothing, where there is none to lay
 * out, or no room for it: the model does without.
 */
export async function laidOut(built: BuiltModel, Session: typeof InferenceSession): Promise<ReadyModel | undefined> {
  const layouts = [...(built.layouts ?? [])];
  const file = new WeightFile(built.root);
  if (layouts.length === 0 || !(await file.hasRoom(layouts.reduce((sum, [, { bytes }]) => sum + bytes, 0)))) return;
  const dispose = () => file.remove();
  const made = new Map<string, OnnxInitializer>();
  try {
    for (const batch of batches(layouts.map(([, layout]) => layout))) {
      const values = await onHost(built, batch.flatMap(partsOf), { root: built.root, Session });
      for (const [value, tensor] of values) made.set(value, await initializer(value, tensor, file));
    }
  } catch {
    await dispose();
    return;
  }
  return { model: swapped(built, made), dispose };
}

/** What is computed of a layout before. */
function partsOf({ prepared, weights }: Layout): HostPart[] {
  return weights.map((each) => ({ ...each, nodes: prepared }));
}

function batches(layouts: readonly Layout[]): Layout[][] {
  const made: Layout[][] = [];
  let room = 0;
  for (const layout of layouts) {
    room -= layout.bytes;
    if (room < 0) {
      made.push([]);
      room = atOnce - layout.bytes;
    }
    made.at(-1)!.push(layout);
  }
  return made;
}

/** The model with its products over laid-out weights, and without what made those of the file ready. */
function swapped(built: BuiltModel, made: ReadonlyMap<string, OnnxInitializer>): OnnxModel {
  const products = built.nodes.flatMap((node) => {
    const [output = ""] = node.outputs;
    const own = built.layouts?.get(output)?.nodes;
    return own === undefined ? [node] : [...own.slice(0, -1), { ...own.at(-1)!, outputs: [output] }];
  });
  const wanted = new Set(built.outputs.map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  for (const node of products.toReversed()) {
    if (!node.outputs.some((output) => wanted.has(output))) continue;
    for (const input of node.inputs) wanted.add(input);
    nodes.push(node);
  }
  const initializers = [...built.initializers, ...made.values()].filter(({ name }) => wanted.has(name));
  return { ...built, nodes: nodes.reverse(), initializers };
}
