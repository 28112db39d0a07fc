import { layerPatterns } from "../../models/original/layer-names.ts";
import { auraflowLayers } from "../../models/original/original-auraflow.ts";
import { flux3Layers } from "../../models/original/original-flux3.ts";
import { krea2Layers } from "../../models/original/original-krea2.ts";

/** A layer as files of other naming know it, and which of its rows are ours: from and to, of so many parts. */
export interface OriginalLayer {
  readonly name: string;
  readonly part?: readonly [from: number, to: number, of: number];
}

type Rule = readonly [pattern: RegExp, original: string, part?: readonly [number, number, number]];

/** What a double block's layers are called after `img_` or `txt_`, of FLUX.1 and FLUX.2. */
const streams = (
  own: { q: string; k: string; v: string; out: string; feed: string; norm: string },
  to: string,
): Rule[] => [
  [new RegExp(`^transformer_blocks\\.(\\d+)\\.attn\\.${own.q}$`), `double_blocks.$1.${to}_attn.qkv`, [0, 1, 3]],
  [new RegExp(`^transformer_blocks\\.(\\d+)\\.attn\\.${own.k}$`), `double_blocks.$1.${to}_attn.qkv`, [1, 2, 3]],
  [new RegExp(`^transformer_blocks\\.(\\d+)\\.attn\\.${own.v}$`), `double_blocks.$1.${to}_attn.qkv`, [2, 3, 3]],
  [new RegExp(`^transformer_blocks\\.(\\d+)\\.attn\\.${own.out}$`), `double_blocks.$1.${to}_attn.proj`],
  [
    new RegExp(`^transformer_blocks\\.(\\d+)\\.${own.feed}\\.(?:net\\.0\\.proj|linear_in)$`),
    `double_blocks.$1.${to}_mlp.0`,
  ],
  [new RegExp(`^transformer_blocks\\.(\\d+)\\.${own.feed}\\.(?:net\\.2|linear_out)$`), `double_blocks.$1.${to}_mlp.2`],
  [new RegExp(`^transformer_blocks\\.(\\d+)\\.${own.norm}\\.linear$`), `double_blocks.$1.${to}_mod.lin`],
];

const image = { q: "to_q", k: "to_k", v: "to_v", out: "to_out\\.0", feed: "ff", norm: "norm1" };
const text = {
  q: "add_q_proj",
  k: "add_k_proj",
  v: "add_v_proj",
  out: "to_add_out",
  feed: "ff_context",
  norm: "norm1_context",
};
const single = "^single_transformer_blocks\\.(\\d+)\\.";

/** Black Forest Labs' names, for FLUX.1 and FLUX.2. */
const flux: readonly Rule[] = [
  ...streams(image, "img"),
  ...streams(text, "txt"),
  // One layer makes queries, keys, values and, four times as many, the feed-forward's.
  [new RegExp(`${single}attn\\.to_q$`), "single_blocks.$1.linear1", [0, 1, 7]],
  [new RegExp(`${single}attn\\.to_k$`), "single_blocks.$1.linear1", [1, 2, 7]],
  [new RegExp(`${single}attn\\.to_v$`), "single_blocks.$1.linear1", [2, 3, 7]],
  [new RegExp(`${single}proj_mlp$`), "single_blocks.$1.linear1", [3, 7, 7]],
  [new RegExp(`${single}attn\\.to_qkv_mlp_proj$`), "single_blocks.$1.linear1"],
  [new RegExp(`${single}(?:proj_out|attn\\.to_out)$`), "single_blocks.$1.linear2"],
  [new RegExp(`${single}norm\\.linear$`), "single_blocks.$1.modulation.lin"],
  [/^x_embedder$/, "img_in"],
  [/^context_embedder$/, "txt_in"],
  [/^proj_out$/, "final_layer.linear"],
  // Of files that have the halves in their authors' order; diffusers' is the other.
  [/^norm_out\.shift_first$/, "final_layer.adaLN_modulation.1"],
  [/^((?:double_stream_modulation_(?:img|txt)|single_stream_modulation))\.linear$/, "$1.lin"],
  [/^time_(?:text|guidance)_embed\.timestep_embedder\.linear_1$/, "time_in.in_layer"],
  [/^time_(?:text|guidance)_embed\.timestep_embedder\.linear_2$/, "time_in.out_layer"],
  [/^time_(?:text|guidance)_embed\.guidance_embedder\.linear_1$/, "guidance_in.in_layer"],
  [/^time_(?:text|guidance)_embed\.guidance_embedder\.linear_2$/, "guidance_in.out_layer"],
  [/^time_text_embed\.text_embedder\.linear_1$/, "vector_in.in_layer"],
  [/^time_text_embed\.text_embedder\.linear_2$/, "vector_in.out_layer"],
  // Chroma's.
  [/^(distilled_guidance_layer\.layers\.\d+)\.linear_1$/, "$1.in_layer"],
  [/^(distilled_guidance_layer\.layers\.\d+)\.linear_2$/, "$1.out_layer"],
];

/** ComfyUI's names for Z-Image. */
const zImage: readonly Rule[] = [
  ...["to_q", "to_k", "to_v"].map(
    (name, i): Rule => [new RegExp(`^(.*\\.attention)\\.${name}$`), "$1.qkv", [i, i + 1, 3]],
  ),
  [/^(.*\.attention)\.to_out\.0$/, "$1.out"],
  [/^all_x_embedder\.2-1$/, "x_embedder"],
  [/^all_final_layer\.2-1\.(.*)$/, "final_layer.$1"],
];

/** Stability's names for Stable Diffusion 3. */
const sd3: readonly Rule[] = [
  ...(["attn", "attn2"] as const).flatMap((attention) =>
    ["to_q", "to_k", "to_v"].map(
      (name, i): Rule => [
        new RegExp(`^transformer_blocks\\.(\\d+)\\.${attention}\\.${name}$`),
        `joint_blocks.$1.x_block.${attention}.qkv`,
        [i, i + 1, 3],
      ],
    ),
  ),
  ...["add_q_proj", "add_k_proj", "add_v_proj"].map(
    (name, i): Rule => [
      new RegExp(`^transformer_blocks\\.(\\d+)\\.attn\\.${name}$`),
      "joint_blocks.$1.context_block.attn.qkv",
      [i, i + 1, 3],
    ],
  ),
  [/^transformer_blocks\.(\d+)\.(attn2?)\.to_out\.0$/, "joint_blocks.$1.x_block.$2.proj"],
  [/^transformer_blocks\.(\d+)\.attn\.to_add_out$/, "joint_blocks.$1.context_block.attn.proj"],
  [/^transformer_blocks\.(\d+)\.ff\.net\.0\.proj$/, "joint_blocks.$1.x_block.mlp.fc1"],
  [/^transformer_blocks\.(\d+)\.ff\.net\.2$/, "joint_blocks.$1.x_block.mlp.fc2"],
  [/^transformer_blocks\.(\d+)\.ff_context\.net\.0\.proj$/, "joint_blocks.$1.context_block.mlp.fc1"],
  [/^transformer_blocks\.(\d+)\.ff_context\.net\.2$/, "joint_blocks.$1.context_block.mlp.fc2"],
  [/^transformer_blocks\.(\d+)\.norm1\.linear$/, "joint_blocks.$1.x_block.adaLN_modulation.1"],
  [/^transformer_blocks\.(\d+)\.norm1_context\.linear$/, "joint_blocks.$1.context_block.adaLN_modulation.1"],
  [/^context_embedder$/, "context_embedder"],
  [/^time_text_embed\.timestep_embedder\.linear_1$/, "t_embedder.mlp.0"],
  [/^time_text_embed\.timestep_embedder\.linear_2$/, "t_embedder.mlp.2"],
  [/^time_text_embed\.text_embedder\.linear_1$/, "y_embedder.mlp.0"],
  [/^time_text_embed\.text_embedder\.linear_2$/, "y_embedder.mlp.2"],
];

/** Krea AI's names for Krea 2. */
const krea2: readonly Rule[] = layerPatterns(krea2Layers);

/** Black Forest Labs' for FLUX.3. */
const flux3: readonly Rule[] = layerPatterns(flux3Layers);

/** ComfyUI's names for Qwen-Image 2.1. */
const qwenImage21: readonly Rule[] = ["gate_layer", "proj"].map(
  (name, i): Rule => [new RegExp(`^(transformer_blocks\\.\\d+\\.img_mlp)\\.${name}$`), "$1.gate_up", [i, i + 1, 2]],
);

/** Their authors' names for PixArt-Σ and Sana. */
const pixart: readonly Rule[] = [
  ...["to_q", "to_k", "to_v"].map(
    (name, i): Rule => [
      new RegExp(`^transformer_blocks\\.(\\d+)\\.attn1\\.${name}$`),
      "blocks.$1.attn.qkv",
      [i, i + 1, 3],
    ],
  ),
  ...["to_k", "to_v"].map(
    (name, i): Rule => [
      new RegExp(`^transformer_blocks\\.(\\d+)\\.attn2\\.${name}$`),
      "blocks.$1.cross_attn.kv_linear",
      [i, i + 1, 2],
    ],
  ),
  [/^transformer_blocks\.(\d+)\.attn1\.to_out\.0$/, "blocks.$1.attn.proj"],
  [/^transformer_blocks\.(\d+)\.attn2\.to_q$/, "blocks.$1.cross_attn.q_linear"],
  [/^transformer_blocks\.(\d+)\.attn2\.to_out\.0$/, "blocks.$1.cross_attn.proj"],
  [/^transformer_blocks\.(\d+)\.ff\.net\.0\.proj$/, "blocks.$1.mlp.fc1"],
  [/^transformer_blocks\.(\d+)\.ff\.net\.2$/, "blocks.$1.mlp.fc2"],
  [/^transformer_blocks\.(\d+)\.ff\.conv_(inverted|point)$/, "blocks.$1.mlp.$2_conv.conv"],
  [/^(?:adaln_single|time_embed)\.emb\.timestep_embedder\.linear_1$/, "t_embedder.mlp.0"],
  [/^(?:adaln_single|time_embed)\.emb\.timestep_embedder\.linear_2$/, "t_embedder.mlp.2"],
  [/^(?:adaln_single|time_embed)\.linear$/, "t_block.1"],
  [/^caption_projection\.linear_1$/, "y_embedder.y_proj.fc1"],
  [/^caption_projection\.linear_2$/, "y_embedder.y_proj.fc2"],
];

/** Its authors' names for AuraFlow. */
const auraflow: readonly Rule[] = auraflowLayers.flatMap(layerPatterns);

/** A transformer's layer under the names that files of its authors', ComfyUI's and kohya's naming have for it. */
export function originalFlowLayers(name: string): readonly OriginalLayer[] {
  return [flux, zImage, sd3, krea2, flux3, qwenImage21, pixart, auraflow].flatMap((rules) => {
    const rule = rules.find(([pattern]) => pattern.test(name));
    if (rule === undefined) return [];
    const [pattern, original, part] = rule;
    return [{ name: name.replace(pattern, original), ...(part && { part }) }];
  });
}
