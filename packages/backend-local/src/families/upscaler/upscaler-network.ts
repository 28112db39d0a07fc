import type { Weights } from "../../files/weights.ts";
import { type NetworkGraph, withWeightsLaidOut } from "../../networks/network-graph.ts";
import { buildRrdbNet, rrdbNetConfig } from "../../networks/rrdb-net/rrdb-net.ts";
import { buildSrvggNetCompact, srvggConfig } from "../../networks/srvgg-net-compact/srvgg-net-compact.ts";

/** What an upscaling network does to a picture's size. */
export interface UpscalerShape {
  /** How many times larger each side becomes. */
  factor: number;
  /** What sides must be multiples of. */
  multipleOf: number;
}

/** @throws {@link ModelError} for a configuration that is not supported. */
export function upscalerShape(config: unknown): UpscalerShape {
  if (isCompact(config)) return { factor: srvggConfig(config).upscale, multipleOf: 1 };
  const { num_upsample: doublings, unshuffle } = rrdbNetConfig(config);
  return { factor: 2 ** doublings / unshuffle, multipleOf: unshuffle };
}

/** The graph of an upscaling network: `picture` to `enlarged`, `[1, 3, height, width]` in 0 to 1. */
export function buildUpscaler(config: unknown, weights: Weights): NetworkGraph {
  return withWeightsLaidOut(isCompact(config) ? buildSrvggNetCompact(config, weights) : buildRrdbNet(config, weights));
}

function isCompact(config: unknown): boolean {
  return (config as { _class_name?: unknown })._class_name === "SRVGGNetCompact";
}
