import type { Weights } from "../../files/weights.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { layerNorm } from "../../graph/norm.ts";
import { Scope } from "../../graph/scope.ts";
import { clipLayer } from "../blocks/clip-layer.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { type ClipTextConfig, clipTextConfig } from "./clip-text-config.ts";

/** Options of a text encoder's graph. */
export interface ClipTextOptions extends BuildOptions {
  /** Whether ids above the vocabulary are rows of an input `vectors`, `[more, hidden]`: textual inversions. */
  vectors?: boolean;
}

/**
 * CLIP's text encoder (Radford et al. 2021), as transformers' CLIPTextModel or CLIPTextModelWithProjection.
 *
 * Input: `input_ids` int32 `[batch, tokens]`, at most `max_position_embeddings` tokens; with `vectors`, see {@link ClipTextOptions}.
 * Outputs, with N layers:
 * - `last_hidden_state` `[batch, tokens, hidden]`, after the final layer norm;
 * - `hidden_states.0` (the embeddings) to `hidden_states.N` (the last layer), before it;
 * - `clip_skip.1` to `clip_skip.N-1`: what `last_hidden_state` would be without the last 1, 2 … layers;
 * - `pooler_output` `[batch, hidden]`: `last_hidden_state` at the end-of-text token;
 * - `text_embeds` `[batch, projection]`, its projection, where the model has one; itself, where its file has none.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildClipText(config: unknown, weights: Weights, options: ClipTextOptions = {}): NetworkGraph {
  const spec = clipTextConfig(config);
  const graph = new GraphBuilder("CLIPTextModel");
  const root = new Scope(graph, weights, options.adapter);
  // transformers 5 saves CLIPTextModel without the prefix that every older file has.
  const model = root.in("text_model").in("embeddings", "token_embedding").has("weight") ? root.in("text_model") : root;
  const hidden = ["batch", "tokens", spec.hidden_size];

  const ids = graph.input("input_ids", "int32", ["batch", "tokens"]);
  const own = options.vectors ? withVectors(graph, ids, spec) : { ids };
  let state = embeddings(model.in("embeddings"), own, spec);
  graph.output(state, "hidden_states.0", "float32", hidden);
  const normed = (value: Value) =>
    layerNorm(model.in("final_layer_norm"), value, spec.hidden_size, spec.layer_norm_eps);
  for (let i = 0; i < spec.num_hidden_layers; i++) {
    state = clipLayer(model.in("encoder", "layers", i), state, spec, true);
    graph.output(state, `hidden_states.${i + 1}`, "float32", hidden);
    const skipped = spec.num_hidden_layers - 1 - i;
    if (skipped > 0) graph.output(normed(state), `clip_skip.${skipped}`, "float32", hidden);
  }
  const last = normed(state);
  graph.output(last, "last_hidden_state", "float32", hidden);

  const pooled = atEndOfText(graph, last, own.ids, spec.eos_token_id);
  graph.output(pooled, "pooler_output", "float32", ["batch", spec.hidden_size]);
  if (spec.architectures === "CLIPTextModelWithProjection") {
    const sizes = { inFeatures: spec.hidden_size, outFeatures: spec.projection_dim, bias: false };
    const embeds = linear(root.in("text_projection"), pooled, sizes);
    graph.output(embeds, "text_embeds", "float32", ["batch", spec.projection_dim]);
  } else if (spec.unprojected) {
    graph.output(graph.node("Identity", [pooled]), "text_embeds", "float32", ["batch", spec.hidden_size]);
  }
  return networkGraph(graph);
}

/** Token ids within the vocabulary, and what stands in some places in place of their rows. */
interface TokenIds {
  ids: Value;
  inPlace?: (words: Value) => Value;
}

/** Parts ids above the vocabulary, which are rows of the input `vectors`, from its own. */
function withVectors(graph: GraphBuilder, ids: Value, spec: ClipTextConfig): TokenIds {
  const vectors = graph.input("vectors", "float32", ["vectors", spec.hidden_size]);
  const first = graph.int32(spec.vocab_size);
  const isVector = graph.node("Not", [graph.node("Less", [ids, first])]);
  const rows = graph.node("Gather", [vectors, graph.node("Max", [graph.node("Sub", [ids, first]), graph.int32(0)])]);
  const mask = graph.node("Unsqueeze", [isVector, graph.ints([-1])]);
  return {
    // The end of the text is looked for among these: a vector is none, whatever its id.
    ids: graph.node("Where", [isVector, graph.int32(0), ids]),
    inPlace: (words) => graph.node("Where", [mask, rows, words]),
  };
}

function embeddings(scope: Scope, { ids, inPlace = (words) => words }: TokenIds, spec: ClipTextConfig): Value {
  const { graph } = scope;
  const words = inPlace(scope.in("token_embedding").lookup(ids, spec.vocab_size, spec.hidden_size));
  const positions = scope.in("position_embedding").weight("weight", [spec.max_position_embeddings, spec.hidden_size]);
  const tokens = graph.node("Shape", [ids], { attributes: { start: { int: 1 } } });
  const used = graph.node("Slice", [positions, graph.ints([0]), tokens, graph.ints([0])]);
  return graph.node("Add", [words, used]);
}

/** The row of `state` at the end-of-text token. Configurations that give its id as 2 mean the greatest id (an old mistake kept). */
function atEndOfText(graph: GraphBuilder, state: Value, ids: Value, eosTokenId: number): Value {
  const isEnd = () =>
    graph.node("Cast", [graph.node("Equal", [ids, graph.int32(eosTokenId)])], { attributes: { to: { int: 6 } } });
  const attributes = { axis: { int: 1 }, keepdims: { int: 1 } };
  const position = graph.node("ArgMax", [eosTokenId === 2 ? ids : isEnd()], { attributes });
  return graph.node("GatherND", [state, position], { attributes: { batch_dims: { int: 1 } } });
}
