import type { OnnxModel, OnnxNode } from "../graph/onnx-model.ts";

/** An operator is called as its output. */
const nameOf = ({ outputs }: OnnxNode) => outputs[0]!;

/**
 * Names of the operators that are better left on the CPU, where only their small results are copied: what finds rows in a table of weights, so that the
 * table stays in its file; and the waves of a timestep, since no sine has a kernel on WebGPU.
 */
export function hostNodes(model: OnnxModel): string[] {
  return [...lookups(model), ...waves(model)].map(nameOf);
}

function lookups({ nodes, initializers }: OnnxModel): OnnxNode[] {
  const tables = new Set(initializers.filter(({ data }) => !(data instanceof Uint8Array)).map(({ name }) => name));
  const found = nodes.filter(({ op, inputs }) => op === "Gather" && tables.has(inputs[0]!));
  const rows = new Set(found.map(nameOf));
  return [...found, ...nodes.filter(({ op, inputs }) => op === "Cast" && rows.has(inputs[0]!))];
}

/** Sines and cosines, what they are of, and what puts them side by side. */
function waves({ nodes }: OnnxModel): OnnxNode[] {
  const byOutput = new Map(nodes.map((node) => [nameOf(node), node]));
  const isWave = ({ op }: OnnxNode) => op === "Sin" || op === "Cos";
  const found = new Set<OnnxNode>();
  const visit = (node: OnnxNode | undefined) => {
    if (node === undefined || found.has(node)) return;
    found.add(node);
    for (const input of node.inputs) visit(byOutput.get(input));
  };
  for (const node of nodes.filter(isWave)) visit(node);
  const joins = ({ op, inputs }: OnnxNode) =>
    op === "Concat" && inputs.every((input) => byOutput.has(input) && isWave(byOutput.get(input)!));
  return [...found, ...nodes.filter(joins)];
}
