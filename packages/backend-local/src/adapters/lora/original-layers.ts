import type { UNetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { layerName } from "./lora-keys.ts";

/**
 * Layers of a UNet under the names of the original code (input_blocks, middle_block, output_blocks), as kohya's Stable Diffusion XL
 * files call them, with diffusers' names behind them.
 */
export function originalLayers({ levels }: Pick<UNetConfig, "levels">, names: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of names) {
    const original = originalName(levels, name);
    if (original !== undefined) found.set(layerName(original), name);
  }
  return found;
}

const resnetParts: Readonly<Record<string, string>> = {
  conv1: "in_layers.2",
  conv2: "out_layers.3",
  time_emb_proj: "emb_layers.1",
  conv_shortcut: "skip_connection",
};

const others: Readonly<Record<string, string>> = {
  conv_in: "input_blocks.0.0",
  conv_out: "out.2",
  "time_embedding.linear_1": "time_embed.0",
  "time_embedding.linear_2": "time_embed.2",
  "add_embedding.linear_1": "label_emb.0.0",
  "add_embedding.linear_2": "label_emb.0.2",
};

function originalName(levels: UNetConfig["levels"], name: string): string | undefined {
  if (others[name] !== undefined) return others[name];
  const middle = /^mid_block\.(resnets|attentions)\.(\d+)\.(.+)$/.exec(name);
  if (middle) {
    const [, kind, n, rest] = middle as unknown as [string, string, string, string];
    return kind === "attentions" ? `middle_block.1.${rest}` : `middle_block.${Number(n) * 2}.${resnetParts[rest]}`;
  }
  const block = /^(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)$/.exec(name);
  if (!block) return undefined;
  const [, way, l, kind, i, rest] = block as unknown as [string, "down" | "up", string, string, string, string];
  const [level, layer] = [Number(l), Number(i)];
  const order = way === "down" ? levels : levels.toReversed();
  // On the way down each level ends with a downsampler of its own number; on the way up it has a layer more.
  const first = order.slice(0, level).reduce((sum, { layers }) => sum + layers + 1, way === "down" ? 1 : 0);
  const blocks = way === "down" ? "input_blocks" : "output_blocks";
  const { layers } = order[level]!;
  if (kind === "resnets") return `${blocks}.${first + layer}.0.${resnetParts[rest]}`;
  if (kind === "attentions") return `${blocks}.${first + layer}.1.${rest}`;
  if (kind === "downsamplers") return `${blocks}.${first + layers}.0.op`;
  const attends = order[level]!.up.startsWith("CrossAttn");
  return `${blocks}.${first + layers}.${attends ? 2 : 1}.conv`;
}
