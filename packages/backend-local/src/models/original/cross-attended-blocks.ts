import type { Renaming } from "./renaming.ts";

/** Blocks of PixArt's kind, self-attention and then one across to the text, each with its layers as one matrix: under diffusers' names. `rename` is for the rest of a block. */
export function crossAttendedBlocks(names: Renaming, rename: (name: string) => string): void {
  for (let i = 0, count = names.count("blocks"); i < count; i++) {
    const [from, to] = [`blocks.${i}.`, `transformer_blocks.${i}.`];
    const layers = (attention: string, ...parts: string[]) => parts.map((part) => `${to}${attention}.to_${part}.`);
    names.partRows(`${from}attn.qkv.`, layers("attn1", "q", "k", "v"));
    names.partRows(`${from}cross_attn.kv_linear.`, layers("attn2", "k", "v"));
    names.move(from, to, rename);
  }
}
