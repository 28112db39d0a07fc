import { selfAttention } from "../../graph/attention.ts";
import type { GraphBuilder, Value } from "../../graph/graph-builder.ts";
import type { Scope } from "../../graph/scope.ts";

/**
 * Perturbed attention: a batch's last samples are computed twice, the second time with the identity in place of the maps
 * of some self-attentions. Ahn et al. 2024 (https://arxiv.org/abs/2403.17377). Both are the same up to the first of these
 * layers, so only there does the batch grow: the second ones come after all others.
 */
export class PerturbedAttention {
  readonly #graph: GraphBuilder;
  readonly #layers: readonly string[];
  /** Samples in the batch as it was given, `[1]`. */
  readonly #samples: Value;
  /** The first of them that is computed twice, `[1]`. */
  readonly #from: Value;

  /** Declares the input `perturbed`, `[1]`: how many of the batch's last samples are computed twice; 0 is none. */
  constructor(graph: GraphBuilder, sample: Value, layers: readonly string[]) {
    this.#graph = graph;
    this.#layers = layers;
    this.#samples = graph.node("Shape", [sample], { attributes: { end: { int: 1 } } });
    this.#from = graph.node("Sub", [this.#samples, graph.input("perturbed", "int64", [1])]);
  }

  /** Whether the module at `path` is, or has in it, a self-attention that is perturbed. */
  touches(path: string): boolean {
    return this.#layers.some((layer) => layer === path || layer.startsWith(`${path}.`));
  }

  /** A value of the batch as it was given, `[batch, …]`, with the rows of the samples that are computed twice appended. */
  grow(value: Value): Value {
    const again = this.#rows(value, this.#from, this.#graph.ints([Number.MAX_SAFE_INTEGER]));
    return this.join(value, again);
  }

  /** {@link grow} of a value that may have one row for the whole batch, `[batch or 1, …]`. */
  growShared(value: Value): Value {
    const shape = this.#graph.node("Concat", [this.#samples, this.#graph.ints([1])], {
      attributes: { axis: { int: 0 } },
    });
    return this.grow(this.#graph.node("Expand", [value, shape]));
  }

  /** A batch that has grown, parted again: the samples as they were given, and the perturbed ones. */
  part(value: Value): [own: Value, perturbed: Value] {
    const [start, end] = [this.#graph.ints([0]), this.#graph.ints([Number.MAX_SAFE_INTEGER])];
    return [this.#rows(value, start, this.#samples), this.#rows(value, this.#samples, end)];
  }

  /** What {@link part} parted. */
  join(own: Value, perturbed: Value): Value {
    return this.#graph.node("Concat", [own, perturbed], { attributes: { axis: { int: 0 } } });
  }

  #rows(value: Value, from: Value, to: Value): Value {
    return this.#graph.node("Slice", [value, from, to, this.#graph.ints([0])]);
  }
}

/** How a layer attends to itself. */
export interface SelfAttendOptions {
  /** Its linear projection of that name, of `[batch, tokens, channels]`. */
  project: (name: "to_q" | "to_k" | "to_v", tokens: Value) => Value;
  heads: number;
  perturbed?: PerturbedAttention | undefined;
}

/** What a layer's self-attention gives to its output projection; of perturbed samples that is their values. */
export function selfAttend(scope: Scope, tokens: Value, { project, heads, perturbed }: SelfAttendOptions): Value {
  const changed = perturbed?.touches(scope.path) ? perturbed : undefined;
  const attending = changed ? changed.part(tokens)[0] : tokens;
  const [query, key] = [project("to_q", attending), project("to_k", attending)];
  const values = project("to_v", tokens);
  if (!changed) return selfAttention(scope.graph, { query, key, value: values }, heads);
  const [value, identity] = changed.part(values);
  return changed.join(selfAttention(scope.graph, { query, key, value }, heads), identity);
}
