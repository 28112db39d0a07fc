import { type Graph, GraphBuilder, type InputValue } from "../graph/graph.ts";

declare const linked: unique symbol;

/** A link that knows what it carries, such as `NodeLink<"MODEL">`. */
export type NodeLink<T extends string = string> = readonly [string, number] & { readonly [linked]?: T };

/** Node types as `latentkit comfy types` writes them. */
export type NodeTypes = { [K: string]: { inputs: object; outputs: readonly string[] } };

type LinksOf<O extends readonly string[]> = { [K in keyof O]: NodeLink<O[K] & string> };

/** A graph under construction, whose nodes, inputs and links are checked by the compiler. */
export interface TypedGraph<N> {
  /** Adds a node. @returns links to its outputs, in order. */
  add<K extends keyof N & string>(
    id: string,
    classType: K,
    inputs: N[K] extends { inputs: infer I } ? I : never,
  ): N[K] extends { outputs: infer O extends readonly string[] } ? LinksOf<O> : never;
  /** The graph in API format, for `defineWorkflow`. */
  readonly graph: Graph;
}

/**
 * A graph of the node types that a server has.
 *
 * @example
 * ```ts
 * const g = typedGraph<ComfyNodes>();
 * const [model, clip, vae] = g.add("checkpoint", "CheckpointLoaderSimple", { ckpt_name: "tiny.safetensors" });
 * ```
 */
export function typedGraph<N>(): TypedGraph<N> {
  const builder = new GraphBuilder();
  return {
    graph: builder.graph,
    add(id, classType, inputs) {
      const link = builder.add(id, classType, inputs as Record<string, InputValue>);
      // More links than a node has outputs do no harm: the types name only those it has.
      return Array.from({ length: 16 }, (_, slot) => link(slot)) as never;
    },
  };
}
