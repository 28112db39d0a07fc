import type { InferenceSession } from "onnxruntime-node";
import type { BuiltModel, GraphBuilder } from "../graph/graph-builder.ts";
import { encodeModel, type Port } from "../graph/onnx-model.ts";
import type { LayerAdapter } from "../graph/scope.ts";
import { sessionOptions } from "../graph/session-options.ts";

/** A network ready for `InferenceSession.create(model, sessionOptions)`. */
export interface NetworkGraph {
  /** `onnx.ModelProto` as the CPU has it, which points into the weights' files. */
  readonly model: Uint8Array;
  /** The same before it was written down, for devices that spell it otherwise. Not of an exported graph. */
  readonly built?: BuiltModel;
  /** Path of a graph that another program exported, in place of `model`: its ports say themselves what they take. */
  readonly exported?: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly sessionOptions: InferenceSession.SessionOptions;
}

/** Options of every network. */
export interface BuildOptions {
  /** Adds to the outputs of layers with weights: how a LoRA joins in. */
  adapter?: LayerAdapter;
}

/** A graph whose memory goes back at the end of each run, as others need it before it runs again. */
export function withoutArena(graph: NetworkGraph): NetworkGraph {
  return { ...graph, sessionOptions: { ...graph.sessionOptions, enableCpuMemArena: false } };
}

/** Whether a graph's weights are laid out for its products when it is loaded. */
export function packs({ sessionOptions: { extra } }: NetworkGraph): boolean {
  return (extra as { session?: Record<string, unknown> } | undefined)?.session?.disable_prepacking === "0";
}

/** A graph whose weights stay in their files, also those that products are faster with in another layout. */
export function withoutPacking(graph: NetworkGraph): NetworkGraph {
  if (!packs(graph)) return graph;
  const extra = graph.sessionOptions.extra as { session?: Record<string, unknown> };
  const session = { ...extra.session, disable_prepacking: "1" };
  return withOptions(graph, { extra: { ...extra, session } });
}

/**
 * A graph whose weights are laid out anew for the CPU's convolutions as it is loaded, in memory of their own: for small networks over many pixels, whose
 * convolutions take two thirds of the time so.
 */
export function withWeightsLaidOut(graph: NetworkGraph): NetworkGraph {
  const { optimization: _, ...extra } = (graph.sessionOptions.extra ?? {}) as Record<string, unknown>;
  return withOptions(graph, { graphOptimizationLevel: "all", extra });
}

function withOptions(graph: NetworkGraph, more: NetworkGraph["sessionOptions"]): NetworkGraph {
  // What a graph is as bytes is made when it is asked for.
  return Object.defineProperties({} as NetworkGraph, {
    ...Object.getOwnPropertyDescriptors(graph),
    sessionOptions: { value: { ...graph.sessionOptions, ...more }, enumerable: true },
  });
}

/** Finishes a graph. */
export function networkGraph(graph: GraphBuilder): NetworkGraph {
  const { inputs, outputs } = graph;
  const built = graph.built();
  let encoded: Uint8Array | undefined;
  return {
    get model() {
      encoded ??= encodeModel(built);
      return encoded;
    },
    built,
    inputs,
    outputs,
    sessionOptions: sessionOptions(graph),
  };
}
