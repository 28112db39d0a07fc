import { type FourBits, type FourBitType, fourBitsApart } from "../../files/four-bits-apart.ts";
import { readBytes } from "../../files/read-tensor.ts";
import type { BuiltModel } from "../../graph/graph-builder.ts";
import { type Layout, layoutBytes } from "../../graph/layout.ts";
import type { OnnxInitializer, OnnxModel, OnnxNode } from "../../graph/onnx-model.ts";
import type { ReadyModel } from "./ready-weights.ts";
import { WeightFile } from "./weight-file.ts";

/**
 * A model whose products take weights as they are laid out here, from a file for as long as it takes to load them. Nothing, where there is none to lay
 * out, or no room for it: the model does without.
 */
export async function laidOut(built: BuiltModel): Promise<ReadyModel | undefined> {
  const layouts = [...(built.layouts?.values() ?? [])];
  if (layouts.length === 0) return;
  const file = new WeightFile(built.root);
  if (!(await file.hasRoom(layouts.reduce((sum, each) => sum + layoutBytes(each), 0)))) return;
  const made: OnnxInitializer[] = [];
  try {
    for (const layout of layouts) made.push(...(await laid(layout, file)));
  } catch {
    await file.remove();
    return;
  }
  return { model: swapped(built, made), dispose: () => file.remove() };
}

/** A layout's weights, written down. */
async function laid({ tensor, weights }: Layout, file: WeightFile): Promise<OnnxInitializer[]> {
  const { numbers, scales, added }: FourBits = fourBitsApart(await readBytes(tensor), tensor.dtype as FourBitType);
  const made: OnnxInitializer[] = [];
  for (const [i, data] of [numbers, scales, added].entries()) {
    if (data === undefined) continue;
    const { name, type, dims } = weights[i]!;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    made.push({ name, type, dims: dims.map(Number), data: await file.add(bytes) });
  }
  return made;
}

/** The model with its products over laid-out weights, and without what made those of the file ready. */
function swapped(built: BuiltModel, made: readonly OnnxInitializer[]): OnnxModel {
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
  const initializers = [...built.initializers, ...made].filter(({ name }) => wanted.has(name));
  return { ...built, nodes: nodes.reverse(), initializers };
}
