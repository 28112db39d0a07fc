import type { UNetConfig } from "./unet-2d-condition-config.ts";

/** A cross-attention of a UNet. */
export interface CrossAttention {
  /** As diffusers names the module: `"mid_block.attentions.0.transformer_blocks.0.attn2"`. */
  name: string;
  channels: number;
  /** Which resolution it works at, 0 being the latent's. */
  level: number;
}

/** A UNet's cross-attentions in the order in which IP-Adapters' files count them: down, up, middle. */
export function crossAttentions({ levels, mid_block_type: mid }: UNetConfig): CrossAttention[] {
  const last = levels.length - 1;
  const inBlock = (block: string, level: number, depths: readonly number[]) =>
    depths.flatMap((depth, layer) =>
      Array.from({ length: depth }, (_, i) => ({
        name: `${block}.attentions.${layer}.transformer_blocks.${i}.attn2`,
        channels: levels[level]!.channels,
        level,
      })),
    );
  return [
    ...levels.flatMap((level, i) =>
      level.down.startsWith("CrossAttn") ? inBlock(`down_blocks.${i}`, i, level.downDepths.slice(0, level.layers)) : [],
    ),
    ...levels
      .toReversed()
      .flatMap((level, i) =>
        level.up.startsWith("CrossAttn")
          ? inBlock(`up_blocks.${i}`, last - i, level.upDepths.slice(0, level.layers + 1))
          : [],
      ),
    ...(mid === "UNetMidBlock2DCrossAttn" ? inBlock("mid_block", last, [levels[last]!.downDepths[0]!]) : []),
  ];
}

/** Names of a UNet's inputs for picture prompt `group` at cross-attention `i`. */
export const imagePromptInputs = (group: number, i: number) =>
  [`ip.${group}.key.${i}`, `ip.${group}.value.${i}`] as const;
