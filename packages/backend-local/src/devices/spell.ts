import { Draft } from "../graph/draft.ts";
import type { BuiltModel } from "../graph/graph-builder.ts";
import type { OnnxModel, OnnxNode } from "../graph/onnx-model.ts";
import { type Shape, shapesOf } from "../graph/shapes.ts";
import type { Dialect } from "./dialect.ts";
import { spellAttention } from "./spell-attention.ts";
import { spellLinear } from "./spell-linear.ts";

/** What the spelling of an operator looks at. */
export interface Spelling {
  readonly draft: Draft;
  readonly dialect: Dialect;
  readonly model: BuiltModel;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Operators that take a value. */
  consumers(value: string): readonly OnnxNode[];
  /** Whether a value stands before the operator that is being spelled. */
  has(value: string): boolean;
  /** Leaves an operator out that comes later: its work is done. */
  skip(node: OnnxNode): void;
}

/** Writes an operator in a dialect's words; false where it is to stay as it is. */
export type Spell = (spelling: Spelling, node: OnnxNode) => boolean;

const spells: Readonly<Record<string, Spell>> = {
  FusedMatMul: spellLinear,
  Attention: spellAttention,
  MultiHeadAttention: spellAttention,
  QuickGelu: spellQuickGelu,
  RMSNormalization: spellRmsNorm,
  Gelu: spellGelu,
};

/** A graph in a device's dialect. Networks are built in the CPU's. */
export function spell(model: BuiltModel, dialect: Dialect): OnnxModel {
  const draft = new Draft(model);
  const takers = new Map<string, OnnxNode[]>();
  for (const node of model.nodes) {
    for (const input of node.inputs) {
      const known = takers.get(input);
      if (known === undefined) takers.set(input, [node]);
      else known.push(node);
    }
  }
  const values = new Set([...model.inputs, ...model.initializers].map(({ name }) => name));
  const skipped = new Set<OnnxNode>();
  const spelling: Spelling = {
    draft,
    dialect,
    model,
    shapes: shapesOf(model),
    consumers: (value) => takers.get(value) ?? [],
    has: (value) => values.has(value),
    skip: (node) => void skipped.add(node),
  };
  for (const node of model.nodes) {
    if (!skipped.has(node) && !spells[node.op]?.(spelling, node)) draft.keep(node);
    for (const output of node.outputs) values.add(output);
  }
  const { opsets, ...spelled } = draft.finish();
  return { ...spelled, opsets: { ...opsets, "": dialect.opset } };
}

/** Of opset 23; onnxruntime has it by another name for all of them. */
function spellRmsNorm({ draft, dialect }: Spelling, node: OnnxNode) {
  if (dialect.opset >= 23) return false;
  draft.keep({ ...node, op: "SimplifiedLayerNormalization" });
  return true;
}

/** DirectML has onnxruntime's own two alone; CUDA has those as well. */
function spellGelu({ draft, dialect }: Spelling, node: OnnxNode) {
  if (dialect.gelu === "onnx") return false;
  const op = node.attributes["approximate"] === undefined ? "Gelu" : "FastGelu";
  draft.keep({ ...node, op, domain: "com.microsoft", attributes: {} });
  return true;
}

function spellQuickGelu(
  { draft, dialect }: Spelling,
  { inputs: [x = ""], outputs: [output = ""], attributes }: OnnxNode,
) {
  if (dialect.quickGelu === "fused") return false;
  const { alpha } = attributes;
  const factor = alpha !== undefined && "float" in alpha ? alpha.float : 1.702;
  const scaled = factor === 1 ? x : draft.node("Mul", [x, draft.float(factor)]);
  draft.node("Mul", [x, draft.node("Sigmoid", [scaled])], { output });
  return true;
}
