import { cp, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { flowFile } from "../testing/flow-file.ts";
import { tensorsOf, writeTensors } from "../testing/rewrite-safetensors.ts";
import { fixture, temporaryFolder } from "../testing/test-model.ts";
import { readModel } from "./read-model.ts";

const family = fixture("families/flux1");

/** A tree of files as a program keeps them, by the folders of models, text encoders and VAEs. */
async function tree([models, texts, vaes]: readonly [string, string, string], ...leaveOut: string[]): Promise<string> {
  const root = await temporaryFolder();
  const [model, text, vae] = [join(root, models), join(root, texts), join(root, vaes)];
  for (const each of [model, text, join(vae, "flux")]) await mkdir(each, { recursive: true });
  const file = await flowFile("flux1.safetensors", model);
  if (!leaveOut.includes("t5")) await flowFile("flux1-t5.gguf", text);
  await cp(join(family, "text_encoder/model.safetensors"), join(text, "clip_l.safetensors"));
  // A VAE's file of this name has its config beside it.
  for (const each of ["config.json", "diffusion_pytorch_model.safetensors"])
    await cp(join(family, "vae", each), join(vae, "flux", each));
  // What is of no use is passed over.
  await cp(join(fixture("families/z-image"), "text_encoder/model.safetensors"), join(text, "qwen_3_4b.safetensors"));
  await writeFile(join(text, "broken.safetensors"), "none");
  return file;
}

describe("a transformer's file finds its companions", () => {
  test.each([
    ["ComfyUI", ["models/diffusion_models/flux", "models/text_encoders", "models/vae"]],
    ["Forge", ["models/Stable-diffusion", "models/text_encoder", "models/VAE"]],
    ["no program", [".", ".", "vae"]],
  ] as [string, [string, string, string]][])("in %s's folders", async (_, folders) => {
    const { parts, tokenizers, traits } = await readModel(await tree(folders));
    const files = Object.entries(parts).map(([name, part]) => [name, part.file.split(/[\\/]/).at(-1)]);
    expect(Object.fromEntries(files)).toEqual({
      transformer: "flux1.safetensors",
      textEncoder: "clip_l.safetensors",
      textEncoder2: "flux1-t5.gguf",
      vae: "config.json",
    });
    expect(tokenizers).toEqual({ tokenizer: { shipped: "clip-l" }, tokenizer2: { shipped: "t5" } });
    expect(traits).toMatchObject({ scalingFactor: 0.3611, guidanceScale: 3.5 });
  });

  test("those that are missing are named, with where they were looked for and what could not be read", async () => {
    const file = await tree(["models/unet", "models/clip", "models/vae"], "t5");
    await expect(readModel(file)).rejects.toMatchObject({
      code: "model",
      message: expect.stringMatching(
        /of a FLUX\.1 model, and no textEncoder2; give one: .*were found in .*models[\\/]text_encoders.*broken\.safetensors/,
      ),
      details: { problem: "missing", option: expect.stringMatching(/^parts\.textEncoder/) },
    });
  });

  test("those that are there and don't fit are told, with what doesn't", async () => {
    const file = await tree(["models/unet", "models/clip", "models/vae"], "t5");
    const other = join(file, "../../clip/t5xxl.safetensors");
    const narrow = (await tensorsOf(join(family, "text_encoder_2/model.safetensors"))).map((tensor) =>
      tensor.name === "shared.weight" ? { ...tensor, shape: [tensor.shape[0]! * 2, tensor.shape[1]! / 2] } : tensor,
    );
    await writeTensors(other, narrow);
    await expect(readModel(file)).rejects.toThrow(
      /no text[eE]ncoder\w*; give one: .*joint_attention_dim 24 does not match .*d_model 12/,
    );
  });

  test("of VAEs of one shape and size the one that is called so is taken", async () => {
    const file = await tree(["models/unet", "models/clip", "models/vae"]);
    const from = join(family, "vae");
    const vaes = join(file, "../../vae");
    await rename(join(vaes, "flux"), join(vaes, "a-sd3"));
    const config = JSON.parse(await readFile(join(from, "config.json"), "utf8"));
    await mkdir(join(vaes, "ae"));
    await writeFile(join(vaes, "ae/config.json"), JSON.stringify(config));
    await cp(
      join(from, "diffusion_pytorch_model.safetensors"),
      join(vaes, "ae/diffusion_pytorch_model.flux.safetensors"),
    );
    expect((await readModel(file)).parts.vae!.weights.path).toMatch(/model\.flux\.safetensors$/);
  });

  test("a part that is given is not looked for", async () => {
    const file = await tree(["models/unet", "models/clip", "models/vae"], "t5");
    const textEncoder2 = await flowFile("flux1-t5.gguf");
    const { parts } = await readModel(file, { parts: { textEncoder2 } });
    expect(parts.textEncoder2!.file).toBe(textEncoder2);
  });

  test("Kontext is known by its name", async () => {
    const file = await tree(["models/unet", "models/clip", "models/vae"]);
    const named = file.replace("flux1.", "flux1-dev-kontext.");
    await rename(file, named);
    expect((await readModel(named)).traits.conditioning).toEqual(["reference"]);
  });
});
