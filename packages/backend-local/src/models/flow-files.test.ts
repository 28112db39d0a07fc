import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { createClient, type GenerationInput } from "@latentkit/core";
import { describe, expect, test } from "vitest";
import type { WeightTensor } from "../files/safetensors.ts";
import { renamedWeights } from "../files/tensor-views.ts";
import { fileWeights, type Weights } from "../files/weights.ts";
import { local } from "../local.ts";
import { flowFile, withRows } from "../testing/flow-file.ts";
import { difference } from "../testing/single-file.ts";
import { fixture, recordedTensor, temporaryFolder } from "../testing/test-model.ts";
import { recogniseFile } from "./recognise-file.ts";

describe("parts in the names that files have make the folder's pictures", () => {
  test.each([
    ["flux1", "scale", { transformer: "flux1.safetensors" }],
    ["flux1", "dev", { transformer: "flux1.safetensors", textEncoder2: "flux1-t5.gguf" }],
    ["flux2", "wide", { transformer: "flux2.safetensors" }],
    ["flux3", "more-steps", { transformer: "flux3.safetensors" }],
    ["chroma", "unguided", { transformer: "chroma.safetensors" }],
    ["pixart-sigma", "unguided", { transformer: "pixart-sigma.safetensors" }],
    ["krea2", "turbo", { transformer: "krea2.safetensors" }],
    ["z-image", "weakly", { transformer: "z-image.safetensors", textEncoder: "z-image-text.gguf" }],
  ])("%s's %s with %o", async (model, name, files) => {
    const folder = fixture(`families/${model}`);
    const cases = JSON.parse(await readFile(`${folder}.json`, "utf8")) as { name: string; request: GenerationInput }[];
    const { request } = cases.find((each) => each.name === name)!;
    const given = Object.entries(files).map(async ([part, file]) => [part, await flowFile(file)] as const);
    const own = local({ model: folder, parts: Object.fromEntries(await Promise.all(given)), threads: 1 });
    const { images } = await createClient({ backend: own }).generate(request);
    await own.dispose();
    const expected = await recordedTensor(`${folder}.safetensors`, name);
    const { data } = await images[0]!.pixels();
    const { mean, max } = difference(data, expected.subarray(0, data.length));
    expect(mean).toBeLessThan(0.5);
    expect(max).toBeLessThanOrEqual(8);
  });
});

describe("quantised by ComfyUI, in their authors' naming, they make the pictures of their dequantised weights", () => {
  test.each([
    ["krea2", "int8_convrot"],
    ["flux3", "fp8_mixed"],
  ])("%s in %s", async (model, format) => {
    const transformer = await flowFile(`${model}-${format}.safetensors`);
    const own = local({ model: fixture(`families/${model}`), parts: { transformer }, threads: 1 });
    const asked = { prompt: "a red apple on a blue background", width: 64, height: 64, steps: 4, seed: 7 };
    const { images } = await createClient({ backend: own }).generate(asked);
    await own.dispose();
    const expected = await recordedTensor(fixture("flow-files/quantised.safetensors"), model);
    const { mean, max } = difference((await images[0]!.pixels()).data, expected);
    expect(mean).toBeLessThan(0.5);
    expect(max).toBeLessThanOrEqual(8);
  });
});

test("a transformer's file draws with what is found beside it, and with the tokenizers of this package", async () => {
  const family = fixture("families/flux1");
  const root = await temporaryFolder();
  const at = (...names: string[]) => join(root, ...names);
  for (const each of ["diffusion_models", "text_encoders", "vae"]) await mkdir(at(each));
  const model = await flowFile("flux1.safetensors", at("diffusion_models"));
  const text = (folder: string) => join(family, folder, "model.safetensors");
  const clip = "embeddings.token_embedding.weight";
  const [own] = [...(await fileWeights(text("text_encoder"))).names()].filter((name) => name.endsWith(clip));
  await withRows(text("text_encoder"), at("text_encoders", "clip_l.safetensors"), own!, 49_408);
  await withRows(text("text_encoder_2"), at("text_encoders", "t5xxl.safetensors"), "shared.weight", 32_128);
  for (const each of ["config.json", "diffusion_pytorch_model.safetensors"])
    await cp(join(family, "vae", each), at("vae", each));
  const backend = local({ model, threads: 1 });
  const draw = async (prompt: string) => {
    const { images } = await createClient({ backend }).generate({ prompt, width: 64, height: 64, steps: 2, seed: 1 });
    return (await images[0]!.pixels()).data;
  };
  const apple = await draw("a red apple");
  expect(difference(apple, await draw("a green dog")).mean).toBeGreaterThan(0.5);
  await backend.dispose();
});

// Names and shapes of published models: tools/oracle/published_transformers.py.
type Shapes = Record<string, number[]>;
interface Published {
  config: Record<string, unknown>;
  tensors: Shapes;
  original?: Shapes;
}
const file = new URL("../../fixtures/published-transformers.json.gz", import.meta.url);
const published = JSON.parse(gunzipSync(await readFile(file)).toString()) as Record<string, Published>;

function weightsOf(shapes: Shapes, prefix: string, source: string): Weights {
  const tensors = Object.entries(shapes).map(([name, shape]): [string, WeightTensor] => {
    const length = 2 * shape.reduce((product, side) => product * side, 1);
    return [`${prefix}${name}`, { name, shape, dtype: "BF16", file: "/none", offset: 0, length }];
  });
  return renamedWeights(source, new Map(tensors));
}

const transformers: [name: string, pipeline: string, scheduler: object][] = [
  ["flux1-dev", "FluxPipeline", { use_dynamic_shifting: true }],
  ["flux1-schnell", "FluxPipeline", { shift: 1 }],
  ["flux1-fill", "FluxFillPipeline", { use_dynamic_shifting: true }],
  ["flux2-klein-4b", "Flux2KleinPipeline", { use_dynamic_shifting: true }],
  ["z-image", "ZImagePipeline", { shift: 3 }],
  ["sd3-medium", "StableDiffusion3Pipeline", { shift: 3 }],
  ["sd3.5-medium", "StableDiffusion3Pipeline", { shift: 3 }],
  ["sd3.5-large", "StableDiffusion3Pipeline", { shift: 3 }],
  ["qwen-image", "QwenImagePipeline", { shift_terminal: 0.02 }],
  ["qwen-image-21", "QwenImage21Pipeline", { shift: 1 }],
  ["chroma", "ChromaPipeline", { shift: Math.exp(1.15) }],
  ["pixart-sigma", "PixArtSigmaPipeline", { beta_schedule: "linear" }],
  ["auraflow", "AuraFlowPipeline", { shift: 1.73 }],
  ["sana-1600m", "SanaPipeline", { use_flow_sigmas: true, flow_shift: 3 }],
  ["sana-600m", "SanaPipeline", { flow_shift: 3 }],
  ["sana-1.5-4800m", "SanaPipeline", { flow_shift: 3 }],
  ["flux3-klein", "Flux3DistilledModularPipeline", { shift: 6.93 }],
  ["flux3-klein-base", "Flux3ModularPipeline", { shift: 6.93 }],
  ["krea2", "Krea2Pipeline", { max_image_seq_len: 6400 }],
];

describe("published transformers are recognised from names and shapes", () => {
  for (const prefix of ["model.diffusion_model.", ""])
    test.each(transformers)(`%s, its tensors under "${prefix}"`, async (name, pipeline, scheduler) => {
      const { config, tensors, original } = published[name]!;
      for (const shapes of [original ?? tensors, tensors]) {
        const found = await recogniseFile(weightsOf(shapes, prefix, `/models/${name}-turbo.safetensors`));
        if (found.kind !== "model") throw new Error("no model");
        const { transformer } = found.model.parts;
        expect(found.model.pipeline).toBe(pipeline);
        expect(found.model.scheduler).toMatchObject(scheduler);
        for (const [option, value] of Object.entries(transformer!.config)) {
          // Where the reference's config leaves it open, it is as many as go in.
          const stated = option === "out_channels" ? (config[option] ?? config.in_channels) : config[option];
          expect(value, option).toEqual(stated ?? value);
        }
        const own = (each: string) => each.replace("shift_first", "linear");
        const shapesOf = [...transformer!.weights.names()].map((each) => [
          own(each),
          transformer!.weights.find(each)!.shape,
        ]);
        expect(Object.fromEntries(shapesOf)).toEqual(tensors);
      }
    });

  test.each([
    ["flux-vae", "vae", "AutoencoderKL"],
    ["flux2-vae", "vae", "AutoencoderKLFlux2"],
    ["qwen-image-vae", "vae", "AutoencoderKLQwenImage"],
    ["qwen3-4b", "textEncoder", "Qwen3Model"],
    ["t5-xxl", "textEncoder", "T5EncoderModel"],
    ["pile-t5-xl", "textEncoder", "UMT5EncoderModel"],
  ])("%s, alone in its file", async (name, part, kind) => {
    const { config, tensors, original } = published[name]!;
    for (const shapes of [original!, tensors]) {
      const found = await recogniseFile(weightsOf(shapes, "", `/models/${name}.safetensors`));
      if (found.kind !== "network") throw new Error("a model");
      expect(found.part).toBe(part);
      const own = found.network.config;
      expect(own._class_name ?? (own.architectures as string[])[0]).toBe(kind);
      for (const [option, value] of Object.entries(own))
        if (!/^(_class_name|architectures|rope_theta)$/.test(option))
          expect(value, option).toEqual(config[option] ?? value);
      const sizes = (each: Shapes) =>
        Object.entries(each)
          .filter(([tensor]) => !/lm_head|embed_tokens|num_batches/.test(tensor))
          .map(([tensor, shape]) => [
            tensor.replace(/^model\./, ""),
            shape.reduce((product, side) => product * side, 1),
          ]);
      const shapesOf = [...found.network.weights.names()].map((each) => [
        each,
        [...found.network.weights.find(each)!.shape],
      ]);
      expect(Object.fromEntries(sizes(Object.fromEntries(shapesOf)))).toEqual(Object.fromEntries(sizes(tensors)));
    }
  });

  test("a Z-Image that is not Turbo is so by its name, as FLUX.2 klein's base is", async () => {
    const read = async (name: string, place: string) => {
      const found = await recogniseFile(weightsOf(published[name]!.original!, "", place));
      return found.kind === "model" ? found.model : undefined;
    };
    expect((await read("z-image", "/m/z_image_bf16.safetensors"))!.scheduler).toMatchObject({ shift: 6 });
    expect((await read("z-image", "/m/z_image_turbo_bf16.safetensors"))!.scheduler).toMatchObject({ shift: 3 });
    expect((await read("z-image", "/m/someMix.safetensors"))!.scheduler).toMatchObject({ shift: 3 });
    const options = async (place: string) => (await read("flux2-klein-4b", place))!.options;
    expect(await options("/m/flux-2-klein-base-4b.safetensors")).toEqual({ is_distilled: false });
    expect(await options("/m/flux-2-klein-4b.safetensors")).toEqual({ is_distilled: true });
    expect((await read("krea2", "/m/krea2_turbo_int8_convrot.safetensors"))!.options).toEqual({ is_distilled: true });
    expect((await read("krea2", "/m/Krea-2-Raw-Q8_0.gguf"))!.options).toEqual({ is_distilled: false });
  });

  test("what sees pictures beside Qwen2.5-VL's text model is known by its shapes", async () => {
    const folder = fixture("families/qwen-image-edit/text_encoder");
    const found = await recogniseFile(await fileWeights(join(folder, "model.safetensors")));
    const { vision_config: stated } = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    const { vision_config: own } = (found.kind === "network" ? found.network.config : {}) as { vision_config: object };
    expect(Object.keys(own).length).toBeGreaterThan(4);
    for (const [option, value] of Object.entries(own)) expect(value, option).toBe(stated[option]);
  });

  test("Qwen3-VL's text model is not Qwen 3's, and an editor not Qwen-Image, though all their shapes are", async () => {
    const { tensors } = published["qwen3-4b"]!;
    const seeing = { ...tensors, "visual.blocks.0.attn.qkv.weight": [3, 1] };
    const found = await recogniseFile(weightsOf(seeing, "", "/m/qwen3vl_4b.safetensors"));
    expect(found.kind === "network" && found.network.config.architectures).toEqual(["Qwen3VLModel"]);
    for (const name of ["qwen3-vl-4b", "qwen3-vl-8b"]) {
      const file = await recogniseFile(weightsOf(published[name]!.tensors, "", `/m/text.safetensors`));
      if (file.kind !== "network") throw new Error("a model");
      const { architectures, text_config: text } = file.network.config as {
        architectures: string[];
        text_config: object;
      };
      expect(architectures).toEqual(["Qwen3VLModel"]);
      const stated = published[name]!.config.text_config as Record<string, unknown>;
      const { rope_theta, ...sizes } = text as Record<string, unknown>;
      expect(rope_theta).toBe(5_000_000);
      for (const [option, value] of Object.entries(sizes))
        if (option !== "architectures") expect(value, option).toEqual(stated[option]);
      // What sees pictures, as published of 4B and 8B.
      const { vision_config: sees } = file.network.config as { vision_config: Record<string, unknown> };
      const seen = published[name]!.config.vision_config as Record<string, unknown>;
      expect(Object.keys(sees)).toHaveLength(10);
      for (const [option, value] of Object.entries(sees)) expect(value, option).toEqual(seen[option]);
    }
    const editor = await recogniseFile(
      weightsOf(published["qwen-image"]!.tensors, "", "/m/qwen_image_edit_2509.safetensors"),
    );
    expect(editor.kind === "model" && editor.model.pipeline).toBe("QwenImageEditPlusPipeline");
    const first = await recogniseFile(
      weightsOf(published["qwen-image"]!.tensors, "", "/m/qwen_image_edit_bf16.safetensors"),
    );
    expect(first.kind === "model" && first.model.pipeline).toBe("QwenImageEditPipeline");
    const marked = { ...published["qwen-image"]!.tensors, __index_timestep_zero__: [0] };
    const later = await recogniseFile(weightsOf(marked, "", "/m/someMix.safetensors"));
    expect(later.kind === "model" && later.model.pipeline).toBe("QwenImageEditPlusPipeline");
  });

  test("Qwen-Image 2.1's, with ComfyUI's layers of two; its VAE; Turbo by its name", async () => {
    const { tensors } = published["qwen-image-21"]!;
    const fused = Object.entries(tensors).flatMap(([name, [rows = 0, ...others]]): [string, number[]][] => {
      if (name.endsWith("img_mlp.proj.weight")) return [];
      const layer = name.replace("img_mlp.gate_layer.", "img_mlp.gate_up.");
      return [[layer, [layer === name ? rows : 2 * rows, ...others]]];
    });
    const read = async (file: string) => {
      const found = await recogniseFile(weightsOf(Object.fromEntries(fused), "model.diffusion_model.", file));
      if (found.kind !== "model") throw new Error("no model");
      return found.model;
    };
    const { parts, scheduler, options } = await read("/m/qwen_image_2.1_bf16.safetensors");
    expect(new Set(parts.transformer!.weights.names())).toEqual(new Set(Object.keys(tensors)));
    expect(parts.transformer!.weights.find("transformer_blocks.0.img_mlp.proj.weight")!.shape).toEqual([12288, 4096]);
    expect(scheduler).toMatchObject({
      use_dynamic_shifting: true,
      base_shift: 0.5,
      max_shift: 0.9,
      shift_terminal: 0.02,
    });
    expect(options).toEqual({});
    const turbo = await read("/m/qwen_image_2.1_turbo_int8_convrot.safetensors");
    expect(turbo.options.sample_sigmas).toHaveLength(8);
    const { config, tensors: ofVae } = published["qwen-image-21-vae"]!;
    for (const shapes of [ofVae, inWansNames(ofVae)]) {
      const vae = await recogniseFile(weightsOf(shapes, "", "/m/qwen_image_2.1_vae_bf16.safetensors"));
      if (vae.kind !== "network") throw new Error("a model");
      expect(vae.network.config).toMatchObject({
        ...{ _class_name: "AutoencoderKLQwenImage21", base_dim: 96, decoder_base_dim: 144, z_dim: 64 },
        ...{ dim_mult: config.dim_mult, temperal_downsample: config.temperal_downsample, num_res_blocks: 2 },
        ...{ latents_mean: config.latents_mean, latents_std: config.latents_std },
      });
      const { weights } = vae.network;
      for (const [name, shape] of Object.entries(ofVae)) expect(weights.find(name)!.shape, name).toEqual(shape);
    }
  });
});

/** Qwen-Image 2.1's VAE as ComfyUI's file has it: in the names of Wan 2.2's, kernels with a moment's dimension of 1. */
function inWansNames(tensors: Record<string, number[]>): Record<string, number[]> {
  const layers = { norm1: "residual.0", conv1: "residual.2", norm2: "residual.3", conv2: "residual.6" };
  const own = (name: string) =>
    name
      .replace(/^quant_conv/, "conv1")
      .replace(/^post_quant_conv/, "conv2")
      .replace("conv_in", "conv1")
      .replace("norm_out", "head.0")
      .replace("conv_out", "head.2")
      .replace("mid_block.attentions.0", "middle.1")
      .replace(/mid_block\.resnets\.(\d)/, (_, i) => `middle.${2 * Number(i)}`)
      .replace(/down_blocks\.(\d)\.downsampler/, "downsamples.$1.downsamples.2")
      .replace(/up_blocks\.(\d)\.upsampler/, "upsamples.$1.upsamples.3")
      .replace(/(down|up)_blocks\.(\d)\.resnets\.(\d)/, "$1samples.$2.$1samples.$3")
      .replace(/\.(norm[12]|conv[12])\.(?=\w+$)/, (all, layer: keyof typeof layers) =>
        /samples|middle/.test(name.replace(/blocks|mid_block/g, "samples")) ? `.${layers[layer]}.` : all,
      )
      .replace("conv_shortcut", "shortcut");
  const shaped = (name: string, shape: number[]) =>
    name.endsWith("weight") && shape.length === 4 && !/resample|to_qkv|proj/.test(name)
      ? shape.toSpliced(2, 0, 1)
      : shape;
  return Object.fromEntries(Object.entries(tensors).map(([name, shape]) => [own(name), shaped(name, shape)]));
}
