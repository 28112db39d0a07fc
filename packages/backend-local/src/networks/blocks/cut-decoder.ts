import type { Weights } from "../../files/weights.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { Scope } from "../../graph/scope.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";

/** A decoder of levels, the smallest first, that may be cut before one of them. */
export interface LevelDecoder<Spec> {
  /** What its graphs are called. */
  name: string;
  /** @throws {@link ModelError} for options that are not supported. */
  parse: (config: unknown) => Spec;
  /** How many levels it has. */
  count: (spec: Spec) => number;
  /** Channels of what a level is given. */
  channelsAt: (spec: Spec, level: number) => number;
  /** What comes before the levels, attention of all places to each other within: of the input `latent_sample`. */
  trunk: (root: Scope, spec: Spec) => Value;
  /** Some of its levels. */
  levels: (root: Scope, rows: Value, spec: Spec, range: readonly [from: number, end: number]) => Value;
  /** What comes after them: the output `sample`. */
  finished: (root: Scope, x: Value, spec: Spec) => NetworkGraph;
}

type Build = (config: unknown, weights: Weights, options?: BuildOptions) => NetworkGraph;

/** A decoder's graphs. */
export interface CutDecoder {
  /** All of it: `latent_sample` to `sample`. */
  whole: Build;
  /** Its levels below a seam, and what comes before them: `latent_sample` to `rows` `[1, channels, rows_height, rows_width]`. */
  trunk: (seam: number) => Build;
  /** Its levels from a seam on, in which no place looks far: `rows` `[1, channels, height, width]` to `sample`. */
  tail: (seam: number) => Build;
}

/** A decoder, whole and in two. */
export function cutDecoder<Spec>(decoder: LevelDecoder<Spec>): CutDecoder {
  const { name, parse, count, channelsAt, trunk, levels, finished } = decoder;
  const opened = (config: unknown, weights: Weights, options: BuildOptions = {}) => {
    const graph = new GraphBuilder(name);
    return { spec: parse(config), graph, root: new Scope(graph, weights, options.adapter) };
  };
  return {
    whole: (...given) => {
      const { root, spec } = opened(...given);
      return finished(root, levels(root, trunk(root, spec), spec, [0, count(spec)]), spec);
    },
    trunk:
      (seam) =>
      (...given) => {
        const { graph, root, spec } = opened(...given);
        const rows = levels(root, trunk(root, spec), spec, [0, seam]);
        graph.output(rows, "rows", "float32", [1, channelsAt(spec, seam), "rows_height", "rows_width"]);
        return networkGraph(graph);
      },
    tail:
      (seam) =>
      (...given) => {
        const { graph, root, spec } = opened(...given);
        const rows = graph.input("rows", "float32", [1, channelsAt(spec, seam), "height", "width"]);
        return finished(root, levels(root, rows, spec, [seam, count(spec)]), spec);
      },
  };
}
