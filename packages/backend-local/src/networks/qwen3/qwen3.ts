import type { Weights } from "../../files/weights.ts";
import { attention, cappedAttention } from "../../graph/attention.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { centredRmsNorm, headNorm, rmsNorm } from "../../graph/norm.ts";
import { type Angles, angleInputs, rotate } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { gatedFeedForward } from "../blocks/gated-feed-forward.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type Qwen3Config, qwen3Config } from "./qwen3-config.ts";

/** Options of the graph. */
export interface Qwen3Options extends BuildOptions {
  /**
   * Which of transformers' `hidden_states` are wanted: 0 is the embedding, k what k layers make, −1 the last after the final norm, −2 what all
   * layers but the last make. Layers above the highest are left out.
   */
  states?: readonly number[];
  /** Whether the last of them is normalised, as transformers gives it out. Default true. */
  normsLast?: boolean;
  /** Whether it sees pictures: in how many of its first layers more of them is added, 0 or more (DeepStack, https://arxiv.org/abs/2406.04334). */
  sees?: number;
}

/**
 * Qwen3's decoder as a text encoder (https://arxiv.org/abs/2505.09388), transformers' Qwen3Model: grouped queries, heads normalised before
 * the rotary embedding, SwiGLU.
 *
 * Inputs: `input_ids` int32 `[1, tokens]`; `attended` bool `[1, 1, 1, tokens]`, false where padding stands; `cos` and `sin`
 * `[tokens, head_dim / 2]`. Where it sees pictures: `is_picture` bool `[1, tokens, 1]`, `picture` `[1, tokens, hidden_size]`, what stands for a token where a
 * picture does, and `picture_1`, `picture_2` … alike, zero elsewhere, what is added after the first layers. Output: `hidden_states` `[1, tokens, hidden_size·states]`, the wanted states side by side.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildQwen3(config: unknown, weights: Weights, options: Qwen3Options = {}): NetworkGraph {
  const { attention_bias: bias, ...sizes } = qwen3Config(config);
  const spec = { ...sizes, normsHeads: true, biases: { inputs: bias, output: bias } };
  return decoderGraph("Qwen3Model", spec, weights, options);
}

/** Sizes of a decoder of Qwen's kind, and what differs between their generations. */
export interface DecoderSpec
  extends Pick<
    Qwen3Config,
    | "vocab_size"
    | "hidden_size"
    | "intermediate_size"
    | "num_hidden_layers"
    | "num_attention_heads"
    | "num_key_value_heads"
    | "head_dim"
    | "hidden_act"
    | "rms_norm_eps"
  > {
  /** Whether heads are normalised. */
  normsHeads: boolean;
  /** Whether queries, keys and values have biases, and what comes out of attention. */
  biases: { inputs: boolean; output: boolean };
  /** What differs in Gemma's. */
  gemma?: GemmaStyle;
}

/** How Gemma 2 differs: norms hold what is added to 1 and stand before and after each layer, embeddings are scaled, scores are capped. */
export interface GemmaStyle {
  embeddingScale: number;
  /** What attention's scores are multiplied by, and what they can't go beyond. */
  scale: number;
  cap: number | undefined;
}

/** Where models in files have their decoder: those that also write answers, and those that also see pictures. */
const places = ["model.language_model", "language_model", "model", ""];

/** The graph of a decoder of Qwen's kind: see {@link buildQwen3}. */
export function decoderGraph(
  name: string,
  spec: DecoderSpec,
  weights: Weights,
  { adapter, states = [-1], normsLast = true, sees }: Qwen3Options,
): NetworkGraph {
  const graph = new GraphBuilder(name);
  const root = new Scope(graph, weights, adapter);
  const model = root.in(places.find((place) => root.in(place, "embed_tokens").has("weight")) ?? "");
  const { hidden_size: width, num_hidden_layers: layers, rms_norm_eps: epsilon } = spec;

  const ids = graph.input("input_ids", "int32", [1, "tokens"]);
  const attended = graph.input("attended", "bool", [1, 1, 1, "tokens"]);
  const angles = angleInputs(graph, "", spec.head_dim);
  const mask = everyRow(graph, attended, ids);

  const wanted = states.map((state) => (state < 0 ? layers + 1 + state : state));
  const rows = model.in("embed_tokens").lookup(ids, spec.vocab_size, width);
  const { gemma } = spec;
  const words = gemma ? graph.node("Mul", [rows, graph.floats(gemma.embeddingScale)]) : rows;
  const pictures = sees === undefined ? [] : pictureInputs(graph, 1 + sees, width);
  const isPicture = sees === undefined ? undefined : graph.input("is_picture", "bool", [1, "tokens", 1]);
  const made: Value[] = [isPicture ? graph.node("Where", [isPicture, pictures[0]!, words]) : words];
  for (let i = 0; i < Math.min(layers, Math.max(...wanted)); i++) {
    const output = decoderLayer(model.in("layers", i), made[i]!, { spec, angles, mask });
    const more = pictures[i + 1];
    made.push(more === undefined ? output : graph.node("Add", [output, more]));
  }
  if (normsLast && wanted.includes(layers))
    made[layers] = normOf(spec)(model.in("norm"), made[layers]!, width, epsilon);

  const chosen = wanted.map((state) => made[state]!);
  const all = chosen.length === 1 ? chosen[0]! : graph.node("Concat", chosen, { attributes: { axis: { int: -1 } } });
  graph.output(all, "hidden_states", "float32", [1, "tokens", width * wanted.length]);
  return networkGraph(graph);
}

/** Inputs `picture`, `picture_1` … */
function pictureInputs(graph: GraphBuilder, count: number, width: number): Value[] {
  const names = Array.from({ length: count }, (_, i) => (i === 0 ? "picture" : `picture_${i}`));
  return names.map((name) => graph.input(name, "float32", [1, "tokens", width]));
}

/** The mask `[1, 1, 1, tokens]` for each token that attends: `[1, 1, tokens, tokens]`. */
function everyRow(graph: GraphBuilder, attended: Value, ids: Value): Value {
  const tokens = graph.node("Shape", [ids], { attributes: { start: { int: 1 } } });
  const ones = graph.ints([1]);
  const shape = graph.node("Concat", [ones, ones, tokens, tokens], { attributes: { axis: { int: 0 } } });
  return graph.node("Expand", [attended, shape]);
}

function normOf({ gemma }: DecoderSpec): typeof rmsNorm {
  return gemma ? centredRmsNorm : rmsNorm;
}

interface LayerInputs {
  spec: DecoderSpec;
  angles: Angles;
  mask: Value;
}

function decoderLayer(scope: Scope, input: Value, { spec, angles, mask }: LayerInputs): Value {
  const { graph } = scope;
  const { hidden_size: width, head_dim: headSize, rms_norm_eps: epsilon, normsHeads, biases } = spec;
  const { num_attention_heads: heads, num_key_value_heads: kvHeads } = spec;
  const { gemma } = spec;
  const norm = (name: string, value: Value) => normOf(spec)(scope.in(name), value, width, epsilon);
  const x = norm("input_layernorm", input);
  const heed = scope.in("self_attn");
  const project = (name: string, count: number) =>
    linear(heed.in(`${name}_proj`), x, { inFeatures: width, outFeatures: count * headSize, bias: biases.inputs });
  const turned = (name: string, count: number) => {
    const projected = project(name, count);
    const normed = normsHeads
      ? headNorm(heed.in(`${name}_norm`), projected, { heads: count, headSize, epsilon })
      : projected;
    return rotate(graph, normed, angles, { heads: count, pairs: "halves" });
  };
  const inputs = { query: turned("q", heads), key: turned("k", kvHeads), value: project("v", kvHeads) };
  const sizes = { heads, kvHeads, headSize };
  const attended = gemma
    ? cappedAttention(graph, inputs, { ...sizes, ...gemma, mask })
    : attention(graph, inputs, { heads, kvHeads, causal: true, mask });
  const output = linear(heed.in("o_proj"), attended, {
    inFeatures: heads * headSize,
    outFeatures: width,
    bias: biases.output,
  });
  const names = { gate: "gate_proj", value: "up_proj", out: "down_proj" };
  const feed = { features: width, inner: spec.intermediate_size, names, activation: spec.hidden_act };
  if (gemma) {
    const middle = graph.node("Add", [input, norm("post_attention_layernorm", output)]);
    const fed = gatedFeedForward(scope.in("mlp"), norm("pre_feedforward_layernorm", middle), feed);
    return graph.node("Add", [middle, norm("post_feedforward_layernorm", fed)]);
  }
  const middle = graph.node("Add", [input, output]);
  return graph.node("Add", [middle, gatedFeedForward(scope.in("mlp"), norm("post_attention_layernorm", middle), feed)]);
}
