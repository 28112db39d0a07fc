import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createClient } from "@latentkit/core";
import { afterAll, describe, expect, test } from "vitest";
import type { WeightTensor } from "../files/safetensors.ts";
import { renamedWeights } from "../files/tensor-views.ts";
import { fileWeights, type Weights } from "../files/weights.ts";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { difference, oraclePicture, rewriteFile, singleFile } from "../testing/single-file.ts";
import { copyModel, fixtureModel } from "../testing/test-model.ts";
import { checkModel } from "./check-model.ts";
import { readModel } from "./read-model.ts";
import { recogniseFile } from "./recognise-file.ts";

type Dtype = WeightTensor["dtype"];

function weightsOf(names: readonly string[], dtype: Dtype = "F16", shape: readonly number[] = [4, 4]): Weights {
  const tensor = (name: string): WeightTensor => ({ name, dtype, shape, file: "/none", offset: 0, length: 32 });
  return renamedWeights("/models/file.safetensors", new Map(names.map((name) => [name, tensor(name)])));
}

describe("a file of no known family says what it looks like, and what is supported", () => {
  const cases: [names: string[], looks: RegExp][] = [
    [["lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight"], /looks like a LoRA/],
    [["unet.down_blocks.0.attentions.0.to_q.lora_A.weight"], /looks like a LoRA/],
    [["lora_te_text_model_encoder_layers_0_mlp_fc1.hada_w1_a"], /looks like a LoRA/],
    [["control_model.time_embed.0.weight", "control_model.input_blocks.0.0.weight"], /looks like a ControlNet/],
    [["controlnet_cond_embedding.conv_in.weight", "down_blocks.0.resnets.0.conv1.weight"], /looks like a ControlNet/],
    [["image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"], /looks like an IP-Adapter/],
    [["adapter.body.0.resnets.0.block1.weight"], /looks like a T2I-Adapter/],
    [["down_blocks.0.motion_modules.0.temporal_transformer.norm.weight"], /AnimateDiff/],
    [["clip_l", "clip_g"], /textual inversion/],
    [["<cat-toy>"], /textual inversion/],
    [["conv_first.weight", "layers.0.residual_group.blocks.0.conv.weight"], /looks like an upscaler/],
    [["model.diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale"], /looks like FLUX\.1/],
    [["single_stream_modulation.lin.weight", "double_blocks.0.img_attn.qkv.weight"], /looks like FLUX\.2/],
    [["model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight"], /looks like Stable Diffusion 3/],
    [["layers.0.adaLN_modulation.0.weight", "noise_refiner.0.adaLN_modulation.0.weight"], /looks like Z-Image/],
    [["transformer_blocks.0.txt_mod.1.weight"], /looks like Qwen-Image/],
    [["model.layers.0.self_attn.q_proj.weight"], /looks like a language model/],
    [["something.else"], /holds no model that is known here/],
  ];
  test.each(cases)("%j", async (names, looks) => {
    await expect(recogniseFile(weightsOf(names))).rejects.toMatchObject({
      code: "model",
      message: expect.stringMatching(looks),
      details: { problem: "unsupported", file: "/models/file.safetensors" },
    });
    await expect(recogniseFile(weightsOf(names))).rejects.toThrow(/supported are checkpoints of Stable Diffusion 1, 2/);
  });
});

test("an upscaler that is not run is called by its kind", async () => {
  const swin = weightsOf(["conv_first.weight", "layers.0.residual_group.blocks.0.norm1.weight"]);
  await expect(recogniseFile(swin)).rejects.toThrow(/of the kind SwinIR or HAT; supported are RRDBNet/);
});

const hasUnet = (name: string) => name.startsWith("model.diffusion_model.");
const hasVae = (name: string) => name.startsWith("first_stage_model.");
const keep = (test: (name: string) => boolean) => (name: string) => (test(name) ? name : undefined);

describe("parts", () => {
  let backend: LocalBackend | undefined;
  afterAll(() => backend?.dispose());

  test("half a checkpoint names the part that is missing and the option that brings it", async () => {
    const whole = await singleFile("sd1");
    const bare = await rewriteFile(whole, keep(hasUnet));
    await expect(readModel(bare)).rejects.toMatchObject({
      code: "model",
      message: expect.stringMatching(
        /it holds unet of a Stable Diffusion.* and no textEncoder; give one: local\(\{ model, parts/,
      ),
      details: { problem: "missing", option: "parts.textEncoder" },
    });
    const noVae = await rewriteFile(
      whole,
      keep((name) => !hasVae(name)),
    );
    await expect(readModel(noVae)).rejects.toMatchObject({ details: { option: "parts.vae" } });
  });

  test("Stable Diffusion XL without its first text encoder, which its refiner has not", async () => {
    const xl = await singleFile("sdxl");
    const half = await rewriteFile(
      xl,
      keep((name) => !name.startsWith("conditioner.embedders.0.")),
    );
    await expect(readModel(half)).rejects.toMatchObject({ details: { option: "parts.textEncoder" } });
    expect(Object.keys((await readModel(half, { parts: { textEncoder: xl } })).parts)).toContain("textEncoder");
  });

  test.each([
    ["the middle's attention", "model.diffusion_model.middle_block.1.", "mid_block.attentions.0"],
    ["a layer's attention", "model.diffusion_model.input_blocks.1.1.", undefined],
    ["a decoder's level", "first_stage_model.decoder.up.1.", undefined],
    ["a text encoder's layer", "cond_stage_model.transformer.text_model.encoder.layers.0.", undefined],
  ])("a checkpoint with a hole: %s", async (_what, hole, tensor) => {
    const path = await rewriteFile(
      await singleFile("sd1"),
      keep((name) => !name.startsWith(hole)),
    );
    const checked = readModel(path).then(checkModel);
    await expect(checked).rejects.toMatchObject({ name: "ModelError" });
    if (tensor) await expect(checked).rejects.toThrow(tensor);
  });

  test("a VAE or a text encoder alone says where it belongs", async () => {
    const vae = await rewriteFile(await singleFile("sd1"), keep(hasVae));
    await expect(readModel(vae)).rejects.toThrow(/holds a vae alone; .* as parts\.vae/);
  });

  test.each([
    ["with its prefix", (name: string) => name],
    ["without", (name: string) => name.replace("first_stage_model.", "")],
    ["under another", (name: string) => name.replace("first_stage_model.", "vae.")],
  ])("a model in three files is the model in one: the VAE %s", async (_, rename) => {
    const own = await singleFile("sd1");
    const vae = await moved(await rewriteFile(own, (name) => (hasVae(name) ? rename(name) : undefined)), "vae");
    const unet = await moved(await rewriteFile(own, keep(hasUnet)), "unet");
    const model = await rewriteFile(own, (name) => (hasUnet(name) || hasVae(name) ? undefined : name));
    await expect(readModel(model)).rejects.toThrow(/holds no model that is known|alone/);
    backend = local({ threads: 1, model: unet, parts: { vae, textEncoder: own } });
    const { images } = await createClient({ backend }).generate({ ...request, width: 64, height: 64 });
    const { data } = await images[0]!.pixels();
    expect(difference(data, (await oraclePicture("sd1.text")).data).mean).toBeLessThan(0.5);
    await backend.dispose();
  });

  test("a folder's part is replaced by a file, and by another folder's part", async () => {
    const folder = await copyModel("sd1");
    const [plain, same, file, other] = await Promise.all([
      readModel(folder),
      readModel(folder, { parts: { vae: fixtureModel("sd1") } }),
      readModel(folder, { parts: { vae: join(folder, "vae/diffusion_pytorch_model.safetensors") } }),
      readModel(folder, { parts: { vae: join(fixtureModel("sd1"), "vae") } }),
    ]);
    expect(same.identity.hash).toBe(plain.identity.hash);
    expect(file.parts.vae?.config).toEqual(plain.parts.vae?.config);
    expect(other.parts.vae?.weights.path).toBe(join(fixtureModel("sd1"), "vae"));
  });

  test.each([
    [{ vae: "/no/such.safetensors" }, /parts\.vae: there is no \/no\/such\.safetensors/],
    [{ transformer: fixtureModel("sd1") }, /parts\.transformer: .* has no such part; it has textEncoder, unet, vae/],
    [{ vae: join(fixtureModel("sd1"), "unet") }, /it is a "UNet2DConditionModel"; parts\.vae .*AutoencoderKL/],
  ])("%j is refused", async (parts, message) => {
    await expect(readModel(fixtureModel("sd1"), { parts })).rejects.toThrow(message);
  });

  test("a VAE whose latents are scaled otherwise is another model's", async () => {
    const folder = await copyModel("sd1");
    const config = { ...(await readModel(folder)).parts.vae!.config, scaling_factor: 0.13025 };
    await writeFile(join(folder, "vae/config.json"), JSON.stringify(config));
    await expect(readModel(fixtureModel("sd1"), { parts: { vae: join(folder, "vae") } })).rejects.toThrow(
      /scaled by 0\.13025, those of .* by 0\.18215: it is another model's VAE/,
    );
  });
});

describe("prediction", () => {
  const predicted = async (path: string, prediction?: "epsilon" | "v_prediction") =>
    (await readModel(path, { prediction })).scheduler;
  const scalar = (name: string) => ({ [name]: { dtype: "F32", shape: [0], data_offsets: [0, 0] } });

  test("is noise in Stable Diffusion 1, and what an option says", async () => {
    const path = await singleFile("sd1");
    expect(await predicted(path)).toMatchObject({ _class_name: "PNDMScheduler", prediction_type: "epsilon" });
    expect(await predicted(path, "v_prediction")).toMatchObject({ prediction_type: "v_prediction" });
    const hashes = await Promise.all([readModel(path), readModel(path, { prediction: "v_prediction" })]);
    expect(hashes[0].identity.hash).not.toBe(hashes[1].identity.hash);
  });

  test.each([
    [scalar("v_pred"), { prediction_type: "v_prediction", timestep_spacing: "leading" }],
    [
      { ...scalar("v_pred"), ...scalar("ztsnr") },
      { prediction_type: "v_prediction", rescale_betas_zero_snr: true, timestep_spacing: "trailing" },
    ],
    [{ __metadata__: { "modelspec.prediction_type": "v" } }, { prediction_type: "v_prediction" }],
    [{ __metadata__: { "modelspec.prediction_type": "epsilon" } }, { prediction_type: "epsilon" }],
  ])("%j", async (marks, expected) => {
    const path = await rewriteFile(await singleFile("sd1"), (name) => name, marks);
    expect(await predicted(path)).toMatchObject(expected);
  });

  test("of Stable Diffusion 2 is velocity, unless it was saved where the base's training ended", async () => {
    const path = await singleFile("sd2");
    expect(await predicted(path)).toMatchObject({ _class_name: "DDIMScheduler", prediction_type: "v_prediction" });
    expect((await readModel(path)).parts.unet?.config.sample_size).toBe(96);
    expect((await readModel(path, { prediction: "epsilon" })).parts.unet?.config.sample_size).toBe(64);
  });
});

test("a tensor that has no place in the network is told, not passed over", async () => {
  const more = {
    "model.diffusion_model.input_blocks.1.2.norm.weight": { dtype: "F16", shape: [0], data_offsets: [0, 0] },
  };
  const path = await rewriteFile(await singleFile("sd1"), (name) => name, more);
  await expect(readModel(path)).rejects.toThrow(/input_blocks\.1\.2\.norm\.weight is no part of a UNet/);
});

test("names of older text encoders, without their prefix, are found", async () => {
  const path = await rewriteFile(await singleFile("sd1"), (name) =>
    name.replace("transformer.text_model.", "transformer."),
  );
  const { parts } = await readModel(path);
  expect(parts.textEncoder?.config).toMatchObject({ num_hidden_layers: 2, hidden_size: 64 });
  const found = await recogniseFile(await fileWeights(path));
  expect(
    found.kind === "model" && found.model.parts.textEncoder?.weights.find("text_model.final_layer_norm.bias"),
  ).toBeTruthy();
});

const request = {
  prompt: "a red apple on a blue background",
  negativePrompt: "blurry",
  steps: 5,
  guidanceScale: 5,
  seed: 7,
} as const;

async function moved(path: string, name: string): Promise<string> {
  const folder = join(dirname(path), name);
  await mkdir(folder, { recursive: true });
  const to = join(folder, `${name}.safetensors`);
  await rename(path, to);
  return to;
}
