import { z } from "zod";
import type { Weights } from "../../files/weights.ts";
import { conv } from "../../graph/conv.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { pixelShuffle } from "../../graph/pixel-shuffle.ts";
import { nearestTimes } from "../../graph/resample.ts";
import { Scope } from "../../graph/scope.ts";
import { type NetworkGraph, networkGraph } from "../network-graph.ts";
import { depth, parseConfig, size } from "../parse-config.ts";

const schema = z.object({
  num_feat: size,
  /** Convolutions between the first and the last. */
  num_conv: depth,
  upscale: z.int().min(1).max(8),
});

/** Checks what was deduced of an SRVGGNetCompact. @throws {@link ModelError} */
export function srvggConfig(config: unknown): z.output<typeof schema> {
  return parseConfig(schema, config, "SRVGGNetCompact");
}

/**
 * Real-ESRGAN's small network (https://github.com/xinntao/Real-ESRGAN, SRVGGNetCompact): convolutions with PReLU at the picture's own size, whose
 * last makes the pixels, added to the picture enlarged by nearest neighbour. Ports as of RRDBNet.
 *
 * @throws {@link ModelError} for tensors that are missing or misshapen.
 */
export function buildSrvggNetCompact(config: unknown, weights: Weights): NetworkGraph {
  const { num_feat: channels, num_conv: convs, upscale } = srvggConfig(config);
  const graph = new GraphBuilder("SRVGGNetCompact");
  const body = new Scope(graph, weights).in("body");
  const picture = graph.input("picture", "float32", [1, 3, "height", "width"]);
  let x: Value = picture;
  for (let i = 0; i <= convs; i++) {
    const made = conv(body.in(2 * i), x, { inChannels: i === 0 ? 3 : channels, outChannels: channels });
    const slope = body.in(2 * i + 1).weight("weight", [channels], { as: [channels, 1, 1] });
    x = graph.node("PRelu", [made, slope]);
  }
  const last = conv(body.in(2 * convs + 2), x, { inChannels: channels, outChannels: 3 * upscale ** 2 });
  const out = graph.node("Add", [pixelShuffle(graph, last, upscale), nearestTimes(graph, picture, upscale)]);
  graph.output(out, "enlarged", "float32", [1, 3, "enlarged_height", "enlarged_width"]);
  return networkGraph(graph);
}
