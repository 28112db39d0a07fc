import { z } from "zod";
import type { Weights } from "../../files/weights.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { pixelUnshuffle } from "../../graph/pixel-shuffle.ts";
import { nearestTwice } from "../../graph/resample.ts";
import { Scope } from "../../graph/scope.ts";
import { type NetworkGraph, networkGraph } from "../network-graph.ts";
import { depth, parseConfig, size } from "../parse-config.ts";

const schema = z.object({
  /** Features, and those that each convolution of a dense block adds. */
  num_feat: size,
  num_grow_ch: size,
  num_block: depth,
  /** How often the picture is doubled. */
  num_upsample: z.int().min(0).max(4),
  /** Pixels of a square that the network sees as channels of one. */
  unshuffle: z.union([z.literal(1), z.literal(2), z.literal(4)]),
  /** Whether dense blocks have the 1×1 convolution of ESRGAN+. */
  plus: z.boolean().default(false),
});

/** Checks what was deduced of an RRDBNet. @throws {@link ModelError} */
export function rrdbNetConfig(config: unknown): z.output<typeof schema> {
  return parseConfig(schema, config, "RRDBNet");
}

/**
 * ESRGAN's generator (Wang et al. 2018, https://arxiv.org/abs/1809.00219; of ESRGAN+ Rakotonirina et al. 2020,
 * https://arxiv.org/abs/2001.08073), as in BasicSR: `picture` `[1, 3, height, width]` in 0 to 1, whose sides are multiples of
 * `unshuffle`, to `enlarged` `[1, 3, f·height, f·width]`.
 *
 * @throws {@link ModelError} for tensors that are missing or misshapen.
 */
export function buildRrdbNet(config: unknown, weights: Weights): NetworkGraph {
  const spec = rrdbNetConfig(config);
  const { num_feat: channels, unshuffle, num_block: blocks, num_upsample: doublings } = spec;
  const graph = new GraphBuilder("RRDBNet");
  const root = new Scope(graph, weights);
  const picture = graph.input("picture", "float32", [1, 3, "height", "width"]);
  const seen = pixelUnshuffle(graph, picture, 3, unshuffle);
  const same = { inChannels: channels, outChannels: channels };
  const first = conv(root.in("conv_first"), seen, { inChannels: 3 * unshuffle ** 2, outChannels: channels });
  let x = first;
  for (let i = 0; i < blocks; i++) {
    const scope = root.in("body", i);
    const inner = [1, 2, 3].reduce((value, k) => denseBlock(scope.in(`rdb${k}`), value, spec), x);
    x = added(graph, x, inner);
  }
  x = graph.node("Add", [first, conv(root.in("conv_body"), x, same)]);
  for (let i = 1; i <= doublings; i++) x = leaky(graph, conv(root.in(`conv_up${i}`), nearestTwice(graph, x), same));
  x = leaky(graph, conv(root.in("conv_hr"), x, same));
  const out = conv(root.in("conv_last"), x, { inChannels: channels, outChannels: 3 });
  graph.output(out, "enlarged", "float32", [1, 3, "enlarged_height", "enlarged_width"]);
  return networkGraph(graph);
}

/** Five convolutions, each of all that came before. */
function denseBlock(scope: Scope, input: Value, spec: z.output<typeof schema>): Value {
  const { graph } = scope;
  const { num_feat: channels, num_grow_ch: growth, plus } = spec;
  const seen = [input];
  for (let k = 1; k <= 5; k++) {
    const all = seen.length === 1 ? input : graph.node("Concat", seen, { attributes: { axis: { int: 1 } } });
    const inChannels = channels + (k - 1) * growth;
    const made = conv(scope.in(`conv${k}`), all, { inChannels, outChannels: k === 5 ? channels : growth });
    if (k === 5) return added(graph, input, made);
    let x = leaky(graph, made);
    if (plus && k === 2) {
      const more = { inChannels: channels, outChannels: growth, kernel: 1, bias: false };
      x = graph.node("Add", [x, conv(scope.in("conv1x1"), input, more)]);
    }
    if (plus && k === 4) x = graph.node("Add", [x, seen[2]!]);
    seen.push(x);
  }
  return input;
}

/** A fifth of what was made, on top of what it was made of. */
function added(graph: GraphBuilder, input: Value, made: Value): Value {
  return graph.node("Add", [graph.node("Mul", [made, graph.floats(0.2)]), input]);
}

function leaky(graph: GraphBuilder, x: Value): Value {
  return graph.node("LeakyRelu", [x], { attributes: { alpha: { float: 0.2 } } });
}
