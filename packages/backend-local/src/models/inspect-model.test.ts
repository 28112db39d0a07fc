import { readFile } from "node:fs/promises";
import { ModelError } from "@latentkit/core";
import { expect, it } from "vitest";
import { rewriteFile, singleFile } from "../testing/single-file.ts";
import { copyModel, fixtureModel, temporaryFolder } from "../testing/test-model.ts";
import { inspectModel } from "./inspect-model.ts";

it("tells what a folder holds", async () => {
  const info = await inspectModel(fixtureModel("sd2"));
  const config = JSON.parse(await readFile(`${fixtureModel("sd2")}/unet/config.json`, "utf8"));
  expect(info).toMatchObject({
    id: "sd2",
    path: fixtureModel("sd2"),
    hash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    scheduler: { class: "EulerDiscreteScheduler", sampler: "euler", prediction: "v_prediction" },
  });
  expect(info.size?.width).toBe(config.sample_size * info.size!.multipleOf);
  expect(info.components.map(({ name, architecture }) => [name, architecture])).toEqual([
    ["text_encoder", "CLIPTextModel"],
    ["unet", "UNet2DConditionModel"],
    ["vae", "AutoencoderKL"],
  ]);
  for (const { parameters, bytes, dtypes } of info.components) {
    expect(parameters).toBeGreaterThan(0);
    expect(bytes).toBe(parameters * { F32: 4, F16: 2, BF16: 2 }[dtypes[0] as "F32"]);
  }
});

it("refuses what is no model, naming it", async () => {
  const folder = await temporaryFolder();
  await expect(inspectModel(folder)).rejects.toSatisfy(ModelError.isInstance);
  await expect(inspectModel(folder)).rejects.toThrow("model_index.json");
  const broken = await copyModel("sd1", { "unet/config.json": undefined });
  await expect(inspectModel(broken)).rejects.toThrow("unet");
});

it("refuses tensors and vocabularies that do not fit the configs, before anything runs", async () => {
  const json = async (file: string) => JSON.parse(await readFile(`${fixtureModel("sd1")}/${file}`, "utf8"));
  const cases = [
    ["vae", { ...(await json("vae/config.json")), layers_per_block: 3 }, /vae.*is missing/],
    ["unet", { ...(await json("unet/config.json")), conv_out_kernel: 5 }, /unet.*conv_out.weight has the shape/],
    ["text_encoder", { ...(await json("text_encoder/config.json")), vocab_size: 10 }, /vocab.json.*vocab_size is 10/],
  ] as const;
  for (const [part, config, message] of cases) {
    const folder = await copyModel("sd1", { [`${part}/config.json`]: config });
    const error = await inspectModel(folder).catch((reason) => reason);
    expect(ModelError.isInstance(error)).toBe(true);
    expect((error as ModelError).message).toMatch(message);
  }
});

it("tells what a single file holds, as a model and as one network", async () => {
  const path = await singleFile("sd1");
  expect(await inspectModel(path)).toMatchObject({
    id: "sd1",
    family: "Stable Diffusion 1 and 2",
    tasks: expect.arrayContaining(["text-to-image", "image-to-image"]),
    scheduler: { class: "PNDMScheduler", sampler: "pndm", prediction: "epsilon" },
    size: { width: 512, height: 512 },
    components: expect.arrayContaining([expect.objectContaining({ name: "unet", dtypes: ["F16"] })]),
    maxPromptTokens: 75,
  });
  const vae = await rewriteFile(path, (name) => (name.startsWith("first_stage_model.") ? name : undefined));
  expect(await inspectModel(vae)).toMatchObject({
    family: "vae alone",
    tasks: [],
    components: [{ name: "vae", architecture: "AutoencoderKL", dtypes: ["F16"] }],
  });
});
