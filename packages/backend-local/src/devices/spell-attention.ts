import type { Attribute, OnnxNode } from "../graph/onnx-model.ts";
import type { Dim, Shape } from "../graph/shapes.ts";
import type { Spelling } from "./spell.ts";

/** What scores are lowered by where nothing may be looked at: enough for no weight at all, and far from infinite. */
const never = -1e30;

/** An attention, over queries, keys and values `[batch, tokens, heads·size]`. */
interface Heads {
  query: string;
  key: string;
  value: string;
  heads: number;
  kvHeads: number;
  /** Sizes of a head of keys, and of values. */
  size: number;
  valueSize: number;
  scale: number;
  /** What is added to the scores: one for all heads, or a part for each. */
  biases: readonly { name: string; byHead: boolean | undefined }[];
}

/** MultiHeadAttention and ONNX's Attention. */
export function spellAttention(spelling: Spelling, node: OnnxNode): boolean {
  const { draft, dialect, shapes } = spelling;
  if (dialect.attention === "fused") return false;
  const { op, inputs, outputs, attributes } = node;
  const [query = "", key = "", value = "", mask = ""] = inputs;
  const [output = ""] = outputs;
  const heads = number(attributes["num_heads"] ?? attributes["q_num_heads"]) ?? 1;
  const kvHeads = number(attributes["kv_num_heads"]) ?? heads;
  const causal = number(attributes["is_causal"]) === 1;
  const scale = number(attributes["scale"]);
  if (dialect.attention === "heads" && !causal && mask === "" && kvHeads === heads) {
    if (op === "MultiHeadAttention") return false;
    const own = { num_heads: { int: heads }, ...(scale === undefined ? {} : { scale: { float: scale } }) };
    draft.node("MultiHeadAttention", [query, key, value], { domain: "com.microsoft", attributes: own, output });
    return true;
  }
  const size = headSize(shapes.get(query)?.[2], heads, query);
  const biases = [
    ...(mask === "" ? [] : [{ name: asBias(spelling, mask), byHead: isByHead(shapes.get(mask), heads) }]),
    ...(causal ? [{ name: causalBias(spelling, query), byHead: false }] : []),
  ];
  const sizes = { heads, kvHeads, size, valueSize: headSize(shapes.get(value)?.[2], kvHeads, value) };
  products(spelling, { query, key, value, ...sizes, scale: scale ?? 1 / Math.sqrt(size), biases }, output);
  return true;
}

/** `softmax(scale·q·kᵀ + biases)·v`, a few heads at a time. */
function products(
  { draft, dialect, shapes }: Spelling,
  { query, key, value, biases, ...sizes }: Heads,
  output: string,
): void {
  const { heads, kvHeads, size, valueSize, scale } = sizes;
  const turn = (x: string, perm: readonly number[]) =>
    draft.node("Transpose", [x], { attributes: { perm: { ints: perm } } });
  const apart = (x: string, count: number, each: number) => {
    const own = draft.node("Reshape", [x, draft.ints([0, 0, count, each])]);
    if (count === heads) return own;
    // Each head of keys and values serves several of queries.
    const shared = draft.node("Reshape", [x, draft.ints([0, 0, count, 1, each])]);
    const all = draft.node("Expand", [shared, draft.ints([1, 1, 1, heads / count, 1])]);
    return draft.node("Reshape", [all, draft.ints([0, 0, heads, each])]);
  };
  const scaled = draft.node("Mul", [query, draft.float(scale)]);
  const q = turn(apart(scaled, heads, size), [0, 2, 1, 3]);
  const k = turn(apart(key, kvHeads, size), [0, 2, 3, 1]);
  const v = turn(apart(value, kvHeads, valueSize), [0, 2, 1, 3]);
  const attend = (part: (x: string) => string) => {
    let scores = draft.node("MatMul", [part(q), part(k)]);
    for (const { name, byHead } of biases) scores = draft.node("Add", [scores, byHead ? part(name) : name]);
    const weights = draft.node("Softmax", [scores], { attributes: { axis: { int: -1 } } });
    return draft.node("MatMul", [weights, part(v)]);
  };
  // What is added may have a part of its own for each head: where that isn't known, all heads are done at once. So are they over a text, whose scores are few.
  const [own, others] = [query, key].map((x) => shapes.get(x)?.[1]);
  const overText = others !== undefined && own !== others;
  const headsAtOnce = overText || biases.some(({ byHead }) => byHead === undefined) ? heads : dialect.headsAtOnce;
  const groups = Array.from({ length: Math.ceil(heads / headsAtOnce) }, (_, i) => i * headsAtOnce);
  const parts = groups.map((from) =>
    attend((x) =>
      groups.length === 1
        ? x
        : draft.node("Slice", [x, draft.ints([from]), draft.ints([from + headsAtOnce]), draft.ints([1])]),
    ),
  );
  const all = parts.length === 1 ? parts[0]! : draft.node("Concat", parts, { attributes: { axis: { int: 1 } } });
  draft.node("Reshape", [turn(all, [0, 2, 1, 3]), draft.ints([0, 0, heads * valueSize])], { output });
}

/** Whether a mask, broadcast to `[batch, heads, queries, keys]`, has a part for each head. */
function isByHead(shape: Shape, heads: number): boolean | undefined {
  if (heads === 1 || (shape !== undefined && shape.length <= 2)) return false;
  const own = shape?.at(-3);
  return own === 1 ? false : own === heads ? true : undefined;
}

/** A mask as what is added to scores: it may be bool, true where a key may be looked at. */
function asBias({ draft, model }: Spelling, mask: string): string {
  if (!isBool(model, mask)) return mask;
  return draft.once(`bias of ${mask}`, () => draft.node("Where", [mask, draft.float(0), draft.float(never)]));
}

/** Whether a mask is of bools: an input of that type, or made of one by operators that keep it. */
function isBool(model: Spelling["model"], name: string): boolean {
  const input = model.inputs.find((port) => port.name === name);
  if (input !== undefined) return input.type === "bool";
  const node = model.nodes.find(({ outputs }) => outputs[0] === name);
  if (node === undefined) return false;
  if (["Less", "Equal", "Not", "And", "Or", "Greater"].includes(node.op)) return true;
  return (
    ["Expand", "Reshape", "Unsqueeze", "Slice", "Identity", "Concat"].includes(node.op) &&
    isBool(model, node.inputs[0]!)
  );
}

/** What keeps each of n tokens from looking at later ones, `[n, n]`. Made where shapes are, and once for all layers. */
function causalBias({ draft, model, shapes }: Spelling, query: string): string {
  const tokens = shapes.get(query)?.[1];
  return draft.once(`causal for ${tokens ?? query}`, () => {
    const count = countOf(tokens) ?? dimension(query, 1);
    const places = draft.node("Range", [draft.ints(0), count, draft.ints(1)]);
    const [own, others] = [[1], [0]].map((axes) => draft.node("Unsqueeze", [places, draft.ints(axes)])) as [
      string,
      string,
    ];
    return draft.node("Where", [draft.node("Less", [own, others]), draft.float(never), draft.float(0)]);
  });

  function countOf(dim: Dim): string | undefined {
    if (typeof dim === "number") return draft.ints(dim);
    const port = dim === undefined ? undefined : model.inputs.find(({ dims }) => dims.includes(dim));
    return port && dimension(port.name, port.dims.indexOf(dim!));
  }

  function dimension(of: string, at: number): string {
    return draft.node("Gather", [draft.node("Shape", [of]), draft.ints(at)]);
  }
}

function headSize(features: Dim, heads: number, name: string): number {
  if (typeof features === "number") return features / heads;
  throw new Error(`the size of ${name}'s heads is not known: graph/shapes.ts lacks an operator that it comes through`);
}

function number(attribute: Attribute | undefined): number | undefined {
  if (attribute === undefined) return undefined;
  return "int" in attribute ? attribute.int : "float" in attribute ? attribute.float : undefined;
}
