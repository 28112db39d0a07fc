import { rowsOf } from "../../files/tensor-views.ts";
import type { Weights } from "../../files/weights.ts";
import { Renaming, renameStart, type Source } from "./renaming.ts";

/** Where FLUX.1's and FLUX.2's parts differ in diffusers' naming. */
interface FluxNaming {
  starts: readonly (readonly [from: string, to: string])[];
  /** Of the layers in a double block, after `img_` or `txt_`. */
  double: Readonly<Record<"img" | "txt", readonly (readonly [from: string, to: string])[]>>;
  single: readonly (readonly [from: string, to: string])[];
  /** What a single block's `linear1` makes beside queries, keys and values; where it is one layer in diffusers, too, it stays so. */
  splitsSingle: boolean;
}

const inOut = (from: string, to: string) =>
  [
    [`${from}.in_layer.`, `${to}.linear_1.`],
    [`${from}.out_layer.`, `${to}.linear_2.`],
  ] as const;

const flux1: FluxNaming = {
  starts: [
    ...inOut("time_in", "time_text_embed.timestep_embedder"),
    ...inOut("vector_in", "time_text_embed.text_embedder"),
    ...inOut("guidance_in", "time_text_embed.guidance_embedder"),
  ],
  double: {
    img: [
      ["mod.lin.", "norm1.linear."],
      ["mlp.0.", "ff.net.0.proj."],
      ["mlp.2.", "ff.net.2."],
    ],
    txt: [
      ["mod.lin.", "norm1_context.linear."],
      ["mlp.0.", "ff_context.net.0.proj."],
      ["mlp.2.", "ff_context.net.2."],
    ],
  },
  single: [
    ["modulation.lin.", "norm.linear."],
    ["linear2.", "proj_out."],
  ],
  splitsSingle: true,
};

/** FLUX.1's without what Chroma makes its modulations of itself. */
const chroma: FluxNaming = {
  ...flux1,
  starts: [["distilled_guidance_layer.", "distilled_guidance_layer."]],
};

const flux2: FluxNaming = {
  starts: [
    ...inOut("time_in", "time_guidance_embed.timestep_embedder"),
    ...inOut("guidance_in", "time_guidance_embed.guidance_embedder"),
    ["double_stream_modulation_img.lin.", "double_stream_modulation_img.linear."],
    ["double_stream_modulation_txt.lin.", "double_stream_modulation_txt.linear."],
    ["single_stream_modulation.lin.", "single_stream_modulation.linear."],
  ],
  double: {
    img: [
      ["mlp.0.", "ff.linear_in."],
      ["mlp.2.", "ff.linear_out."],
    ],
    txt: [
      ["mlp.0.", "ff_context.linear_in."],
      ["mlp.2.", "ff_context.linear_out."],
    ],
  },
  single: [
    ["linear1.", "attn.to_qkv_mlp_proj."],
    ["linear2.", "attn.to_out."],
  ],
  splitsSingle: false,
};

const attention = {
  img: { parts: ["to_q", "to_k", "to_v"], out: "to_out.0.", norms: ["norm_q", "norm_k"] },
  txt: {
    parts: ["add_q_proj", "add_k_proj", "add_v_proj"],
    out: "to_add_out.",
    norms: ["norm_added_q", "norm_added_k"],
  },
} as const;

/** FLUX.1's transformer in Black Forest Labs' own naming, under diffusers' names. @throws {@link ModelError} naming a tensor that has no place in it. */
export function originalFlux1(source: Source): Weights {
  return originalFlux(source, flux1, "FLUX.1 transformer");
}

/** The same of Chroma, which has its author's names. */
export function originalChroma(source: Source): Weights {
  return originalFlux(source, chroma, "Chroma transformer");
}

/** The same of FLUX.2. */
export function originalFlux2(source: Source): Weights {
  return originalFlux(source, flux2, "FLUX.2 transformer");
}

/** @see https://github.com/black-forest-labs/flux `src/flux/model.py`, https://github.com/black-forest-labs/flux2 */
function originalFlux(source: Source, naming: FluxNaming, title: string): Weights {
  const names = new Renaming(source);
  const [doubles, singles] = [names.count("double_blocks"), names.count("single_blocks")];
  for (const [from, to] of naming.starts) names.move(from, to, approximatorName);
  names.move("img_in.", "x_embedder.");
  names.move("txt_in.", "context_embedder.");
  names.move("final_layer.linear.", "proj_out.");
  // Its halves lie in the other order: the graph goes by the name.
  names.move("final_layer.adaLN_modulation.1.", "norm_out.shift_first.");
  for (let i = 0; i < doubles; i++) {
    const to = `transformer_blocks.${i}.`;
    for (const stream of ["img", "txt"] as const) {
      const from = `double_blocks.${i}.${stream}_`;
      const { parts, out, norms } = attention[stream];
      names.partRows(
        `${from}attn.qkv.`,
        parts.map((part) => `${to}attn.${part}.`),
      );
      names.move(`${from}attn.norm.query_norm.`, `${to}attn.${norms[0]}.`, scaleIsWeight);
      names.move(`${from}attn.norm.key_norm.`, `${to}attn.${norms[1]}.`, scaleIsWeight);
      names.move(`${from}attn.proj.`, `${to}attn.${out}`);
      for (const [own, theirs] of naming.double[stream]) names.move(`${from}${own}`, `${to}${theirs}`);
    }
  }
  for (let i = 0; i < singles; i++) {
    const [from, to] = [`single_blocks.${i}.`, `single_transformer_blocks.${i}.`];
    names.move(`${from}norm.query_norm.`, `${to}attn.norm_q.`, scaleIsWeight);
    names.move(`${from}norm.key_norm.`, `${to}attn.norm_k.`, scaleIsWeight);
    if (naming.splitsSingle) splitSingle(names, from, to);
    for (const [own, theirs] of naming.single) names.move(`${from}${own}`, `${to}${theirs}`);
  }
  return names.finish(title);
}

/** Queries, keys, values and the feed-forward's inner values, four times as many, are made by one layer. */
function splitSingle(names: Renaming, from: string, to: string): void {
  for (const kind of ["weight", "bias"]) {
    names.replace(`${from}linear1.${kind}`, (stacked) => {
      const width = (stacked.shape[0] ?? 0) / 7;
      const part = (i: number, count: number) => rowsOf(stacked, i * width, (i + count) * width);
      return {
        [`${to}attn.to_q.${kind}`]: part(0, 1),
        [`${to}attn.to_k.${kind}`]: part(1, 1),
        [`${to}attn.to_v.${kind}`]: part(2, 1),
        [`${to}proj_mlp.${kind}`]: part(3, 4),
      };
    });
  }
}

/** In the layers of the small network that makes Chroma's modulations. */
function approximatorName(rest: string): string {
  return rest
    .replace(/^(layers\.\d+)\.in_layer\./, "$1.linear_1.")
    .replace(/^(layers\.\d+)\.out_layer\./, "$1.linear_2.")
    .replace(/^(norms\.\d+)\.scale$/, "$1.weight");
}

/** The weight of a norm is called its scale; in newer files of ComfyUI's, weight. */
const scaleIsWeight = renameStart([["scale", "weight"]]);
