import { type Model, partOf } from "../../models/model.ts";
import { type ResidualPlaces, spreadPlaces } from "../../networks/blocks/residuals.ts";
import { fluxControlNetConfig } from "../../networks/flux-controlnet/flux-controlnet-config.ts";
import { fluxConfig } from "../../networks/flux-transformer/flux-config.ts";
import { fluxLists } from "../../networks/flux-transformer/flux-lists.ts";
import { qwenImageControlNetConfig } from "../../networks/qwen-image-controlnet/qwen-image-controlnet-config.ts";
import { qwenImageConfig } from "../../networks/qwen-image-transformer/qwen-image-config.ts";
import { sd3ControlNetConfig } from "../../networks/sd3-controlnet/sd3-controlnet-config.ts";
import { sd3Config } from "../../networks/sd3-transformer/sd3-config.ts";
import { zImageControlNetConfig } from "../../networks/z-image-controlnet/z-image-controlnet-config.ts";
import { zImageConfig } from "../../networks/z-image-transformer/z-image-transformer-config.ts";
import type { ControlSource, TransformerKind } from "./control-source.ts";

type Config = Readonly<Record<string, unknown>>;

/** A ControlNet that adds to a transformer's blocks, as far as its configuration tells. */
export interface TransformerNet {
  /** Id of the family that it steers. */
  readonly family: string;
  /** The transformer's lists of blocks that it adds to. */
  readonly lists: readonly string[];
  /** Its configuration, with what its file does not tell as in the transformer. @throws ModelError */
  complete(config: Config, transformer: Config): Config;
  /** An option in which it is not as the transformer, with both values. */
  misfit(config: Config, transformer: Config): readonly [option: string, own: unknown, needed: unknown] | undefined;
  /** Which kinds of control one network tells apart, and their numbers; undefined of one that is for one kind. */
  kinds?(config: Config): Readonly<Record<string, number>> | undefined;
  /** Which of its results goes where, for each list. */
  places(config: Config, transformer: Config): readonly ResidualPlaces[];
}

/** The first of these options that differs. */
function differing<T extends object>(own: T, needed: { [Key in keyof T]?: unknown }) {
  for (const [option, value] of Object.entries(own)) {
    const other = needed[option as keyof T];
    if (String(value) !== String(other)) return [option, value, other] as const;
  }
  return undefined;
}

/** The numbers that InstantX and Shakker Labs published (https://huggingface.co/InstantX/FLUX.1-dev-Controlnet-Union). */
const fluxKinds: Readonly<Record<string, number>> = {
  canny: 0,
  tile: 1,
  depth: 2,
  blur: 3,
  pose: 4,
  gray: 5,
  "low-quality": 6,
};

const flux1: TransformerNet = {
  family: "flux1",
  lists: fluxLists,
  complete: (config, { axes_dims_rope }) => ({ ...config, axes_dims_rope }),
  misfit(config, transformer) {
    const { in_channels, attention_head_dim, num_attention_heads, joint_attention_dim, ...own } =
      fluxControlNetConfig(config);
    const { axes_dims_rope, pooled_projection_dim } = own;
    const sizes = { in_channels, attention_head_dim, num_attention_heads, joint_attention_dim };
    return differing({ ...sizes, axes_dims_rope, pooled_projection_dim }, fluxConfig(transformer));
  },
  kinds(config) {
    const { num_mode: count } = fluxControlNetConfig(config);
    if (count == null) return undefined;
    return Object.fromEntries(Object.entries(fluxKinds).filter(([, kind]) => kind < count));
  },
  places(config, transformer) {
    const [own, all] = [fluxControlNetConfig(config), fluxConfig(transformer)];
    return [spreadPlaces(own.num_layers, all.num_layers), spreadPlaces(own.num_single_layers, all.num_single_layers)];
  },
};

const qwenImage: TransformerNet = {
  family: "qwen-image",
  lists: ["block"],
  complete: (config, { axes_dims_rope }) => ({ ...config, axes_dims_rope }),
  misfit(config, transformer) {
    const own = qwenImageControlNetConfig(config);
    const { in_channels, attention_head_dim, num_attention_heads, joint_attention_dim, axes_dims_rope } = own;
    const sizes = { in_channels, attention_head_dim, num_attention_heads, joint_attention_dim, axes_dims_rope };
    return differing(sizes, qwenImageConfig(transformer));
  },
  places: (config, transformer) => [
    spreadPlaces(qwenImageControlNetConfig(config).num_layers, qwenImageConfig(transformer).num_layers),
  ],
};

const sd3: TransformerNet = {
  family: "stable-diffusion-3",
  lists: ["block"],
  complete: (config, { attention_head_dim, num_attention_heads }) => ({
    ...config,
    ...{ attention_head_dim, num_attention_heads },
  }),
  misfit(config, transformer) {
    const { in_channels, attention_head_dim, num_attention_heads, joint_attention_dim, ...own } =
      sd3ControlNetConfig(config);
    const { pooled_projection_dim, pos_embed_max_size } = own;
    const sizes = { in_channels, attention_head_dim, num_attention_heads, joint_attention_dim };
    return differing({ ...sizes, pooled_projection_dim, pos_embed_max_size }, sd3Config(transformer));
  },
  places(config, transformer) {
    const [results, { num_layers: blocks }] = [sd3ControlNetConfig(config).num_layers, sd3Config(transformer)];
    // The last block has none.
    return [Array.from({ length: blocks }, (_, i) => (i === blocks - 1 ? -1 : Math.floor(i / (blocks / results))))];
  },
};

const zImage: TransformerNet = {
  family: "z-image",
  lists: ["layer"],
  complete(config, transformer) {
    const { n_layers, n_refiner_layers, norm_eps } = zImageConfig(transformer);
    const count = (config.control_layers_places as readonly number[]).length;
    const every = Math.round(n_layers / count);
    return {
      ...config,
      norm_eps,
      n_refiner_layers,
      control_layers_places: Array.from({ length: count }, (_, i) => i * every),
      control_refiner_layers_places: Array.from({ length: n_refiner_layers }, (_, i) => i),
    };
  },
  misfit(config, transformer) {
    const { dim, n_heads, n_refiner_layers, qk_norm, norm_eps, ...own } = zImageControlNetConfig(config);
    const all = zImageConfig(transformer);
    const different = differing({ dim, n_heads, n_refiner_layers, qk_norm, norm_eps }, all);
    if (different !== undefined) return different;
    const last = Math.max(...own.control_layers_places);
    if (last >= all.n_layers) return ["control_layers_places", last, `${all.n_layers} layers`];
    // Beside the picture's there are none, or a mask's and a masked picture's.
    const fits = [all.in_channels, 2 * all.in_channels + 1];
    if (!fits.includes(own.control_in_dim)) return ["control_in_dim", own.control_in_dim, fits.join(" or ")];
    return undefined;
  },
  places(config, transformer) {
    const { control_layers_places: at } = zImageControlNetConfig(config);
    return [Array.from({ length: zImageConfig(transformer).n_layers }, (_, i) => at.indexOf(i))];
  },
};

/** Those that steer transformers, by their kinds. */
export const transformerNets: Readonly<Record<TransformerKind, TransformerNet>> = {
  "flux-controlnet": flux1,
  "qwen-image-controlnet": qwenImage,
  "sd3-controlnet": sd3,
  "z-image-controlnet": zImage,
};

/** What a ControlNet steers a transformer by, where it is of that kind. */
export function transformerNet({ kind }: Pick<ControlSource, "kind">): TransformerNet | undefined {
  return (transformerNets as Readonly<Record<string, TransformerNet>>)[kind];
}

/** A model's transformer's configuration. */
export function steered(model: Pick<Model, "parts" | "path">): Config {
  return partOf(model, "transformer").config;
}
