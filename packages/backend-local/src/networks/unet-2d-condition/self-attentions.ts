import type { UNetConfig, UNetLevel } from "./unet-2d-condition-config.ts";

/**
 * Names of a UNet's self-attentions in the order in which they run, as diffusers names the modules:
 * `"mid_block.attentions.0.transformer_blocks.0.attn1"`, or `"down_blocks.1.attentions.0"` where a layer is only that.
 */
export function selfAttentions({ levels, mid_block_type: mid }: UNetConfig): string[] {
  const last = levels.at(-1)!;
  return [
    ...levels.flatMap((level, i) =>
      inBlock(`down_blocks.${i}`, level, level.down, level.downDepths.slice(0, level.layers)),
    ),
    ...(mid === "UNetMidBlock2DCrossAttn" ? inTransformer("mid_block.attentions.0", last.downDepths[0]!) : []),
    ...levels
      .toReversed()
      .flatMap((level, i) => inBlock(`up_blocks.${i}`, level, level.up, level.upDepths.slice(0, level.layers + 1))),
  ];
}

function inBlock(path: string, level: UNetLevel, type: string, depths: readonly number[]): string[] {
  const layers = depths.map((depth, i) => [`${path}.attentions.${i}`, depth] as const);
  if (type.startsWith("Attn")) return layers.map(([layer]) => layer);
  if (!type.startsWith("CrossAttn") || level.onlyCrossAttention) return [];
  return layers.flatMap(([layer, depth]) => inTransformer(layer, depth));
}

function inTransformer(path: string, depth: number): string[] {
  return Array.from({ length: depth }, (_, i) => `${path}.transformer_blocks.${i}.attn1`);
}
