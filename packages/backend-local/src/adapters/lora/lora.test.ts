import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type GenerationEvent, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { tensorsOf, writeTensors } from "../../testing/rewrite-safetensors.ts";
import { difference } from "../../testing/single-file.ts";
import { fixture, recordedTensor, temporaryFolder } from "../../testing/test-model.ts";

// LoRAs of every kind and naming against the reference's pictures: tools/oracle/loras.py, through the public API.
interface Case {
  name: string;
  model: "sd1" | "sdxl";
  loras: { model: string; strength: number; textEncoderStrength?: number }[];
}

const folder = fixture("loras");
const cases = JSON.parse(await readFile(join(folder, "cases.json"), "utf8")) as Case[];
const models = { sd1: fixture("pipelines/sd1"), sdxl: fixture("families/sdxl") };
const text = { prompt: "a red apple on a blue background", negativePrompt: "blurry" };
const settings = { steps: 5, guidanceScale: 5, seed: 3, width: 64, height: 64 };
// Only what diffusers' plain schedulers of these folders draw: DDIM and Euler.
const request = { ...text, ...settings, model: models.sd1 } satisfies GenerationInput;

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1, loraFolder: folder });
});
afterAll(() => backend.dispose());

const generate = (fields: Partial<GenerationInput>) =>
  createClient({ backend }).generate({ ...request, ...fields } as GenerationInput);
const pixels = async (fields: Partial<GenerationInput>) => (await (await generate(fields)).images[0]!.pixels()).data;
const recorded = (name: string) => recordedTensor(join(folder, "images.safetensors"), name);

describe("a LoRA's picture is the reference's", () => {
  test.each(cases)("$name", async ({ name, model, loras }) => {
    const drawn = await pixels({ model: models[model], loras });
    const { mean, max } = difference(drawn, await recorded(name));
    expect(mean).toBeLessThan(0.5);
    expect(max).toBeLessThanOrEqual(8);
    const base = await recorded(model === "sd1" ? "base" : "sdxl-base");
    // LoKr's are the faintest.
    if (loras.length > 0) expect(difference(drawn, base).mean, "it does something").toBeGreaterThan(1);
  });
});

test("no strength is the base to the bit; between LoRAs, and back, it is as if there had been none before", async () => {
  const base = await pixels({});
  expect(await pixels({ loras: [{ model: "kohya", strength: 0 }] })).toEqual(base);
  const weak = await pixels({ loras: [{ model: "kohya", strength: 0.3 }] });
  expect(weak).not.toEqual(base);
  expect(await pixels({ loras: [{ model: "peft" }] })).not.toEqual(weak);
  expect(await pixels({ loras: [{ model: "kohya", strength: 0.3 }] })).toEqual(weak);
  expect(await pixels({})).toEqual(base);
});

test("a text encoder's strength of its own moves the text alone", async () => {
  const both = await pixels({ loras: [{ model: "kohya", strength: 0.5 }] });
  const unet = await pixels({ loras: [{ model: "kohya", strength: 0.5, textEncoderStrength: 0 }] });
  const texts = await pixels({ loras: [{ model: "kohya", strength: 0, textEncoderStrength: 0.5 }] });
  expect(new Set([both, unet, texts, await pixels({})].map((data) => Buffer.from(data).toString("hex"))).size).toBe(4);
});

test("A1111's tags name LoRAs, and are no part of the prompt", async () => {
  const tagged = { promptSyntax: "a1111", prompt: `${text.prompt}<lora:kohya:0.4:0.8>` } as const;
  const named = {
    promptSyntax: "a1111",
    loras: [{ model: "kohya", strength: 0.8, textEncoderStrength: 0.4 }],
  } as const;
  expect(await pixels(tagged)).toEqual(await pixels(named as never));
  await expect(generate({ ...tagged, prompt: "a <lora:missing:1>" })).rejects.toMatchObject({
    issues: [{ field: "prompt" }],
  });
});

test("a stranger's prompt reaches no file but the folder's, and hears of none", async () => {
  const there = join(folder, "peft.safetensors");
  const prompts = [
    there,
    `${folder}/../loras/peft`,
    "../loras/peft",
    "/etc/passwd",
    "/nowhere",
    "..\\loras\\peft",
    ".",
  ];
  const told = await Promise.all(
    prompts.map((name) =>
      generate({ promptSyntax: "a1111", prompt: `a <lora:${name}:1>` }).then(
        () => "drawn",
        (error: unknown) => (error as Error).message.replace(JSON.stringify(name), "it"),
      ),
    ),
  );
  expect(new Set(told)).toEqual(
    new Set(["Invalid request: prompt: there is no LoRA it: a tag names a file of the loraFolder, without a path"]),
  );
  const many = "<lora:kohya:0.1>".repeat(33);
  await expect(generate({ promptSyntax: "a1111", prompt: `a ${many}` })).rejects.toThrow("at most 32");
});

test("works with image-to-image and perturbed attention", async () => {
  const image = await (await generate({})).images[0]!.bytes("png");
  const edit = { task: "image-to-image", image, strength: 0.6 } as const;
  expect(await pixels({ ...edit, loras: [{ model: "peft" }] })).not.toEqual(await pixels(edit));
  const guidance = { pagScale: 2 } as const;
  expect(await pixels({ guidance, loras: [{ model: "peft" }] })).not.toEqual(await pixels({ guidance }));
});

test("one of another family is refused, also where the text encoder is the same", async () => {
  const path = join(await temporaryFolder(), "flux.safetensors");
  const tensors = await tensorsOf(join(folder, "kohya.safetensors"));
  const renamed = tensors.map((tensor, i) => ({
    ...tensor,
    name: tensor.name.replace(/^lora_unet_/, `lora_unet_double_blocks_${i}_`),
  }));
  await writeTensors(path, renamed);
  const job = generate({ loras: [{ model: path }] });
  await expect(job).rejects.toMatchObject({ code: "invalid_request", issues: [{ field: "loras[0].model" }] });
  await expect(job).rejects.toThrow(/fits the text encoder alone/);
  const texts = join(await temporaryFolder(), "texts.safetensors");
  await writeTensors(
    texts,
    tensors.filter(({ name }) => !name.startsWith("lora_unet_")),
  );
  expect((await generate({ loras: [{ model: texts }] })).warnings).toEqual([]);
});

test("one that fits nothing is refused, one that fits in part says how much", async () => {
  await expect(generate({ loras: [{ model: "sdxl-kohya" }] })).rejects.toThrow(/loras\[0\]\.model/);
  const path = join(await temporaryFolder(), "half.safetensors");
  const bytes = await readFile(join(folder, "peft.safetensors"));
  const from = Buffer.from("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k.");
  const to = Buffer.from("unet.down_blocks.9.attentions.0.transformer_blocks.0.attn1.to_k.");
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from)) to.copy(bytes, at);
  await writeFile(path, bytes);
  const events: GenerationEvent[] = await Array.fromAsync(generate({ loras: [{ model: path }] }));
  expect(events.filter(({ type }) => type === "warning")).toMatchObject([
    {
      code: "lora_partial",
      field: "loras[0].model",
      message: expect.stringMatching(/\d+ of \d+ layers fit.*down_blocks_9/),
    },
  ]);
});

describe("what is no LoRA for the model is refused by its field before any work", () => {
  test.each([
    ["nothing of that name", "nowhere", /there is no LoRA "nowhere": looked for/],
    ["a model", join(models.sd1, "unet/diffusion_pytorch_model.safetensors"), /is not a LoRA/],
    ["a Flux LoRA", "flux", /is a LoRA of a Flux model/],
  ])("%s", async (_, model, message) => {
    const named = model === "flux" ? await fluxLora() : model;
    const job = generate({ loras: [{ model: named }] });
    await expect(job).rejects.toMatchObject({ code: "invalid_request", issues: [{ field: "loras[0].model" }] });
    await expect(job).rejects.toThrow(message);
  });
});

async function fluxLora(): Promise<string> {
  const tensor = (begin: number) => ({ dtype: "F32", shape: [1, 1], data_offsets: [begin, begin + 4] });
  const name = "transformer.single_transformer_blocks.0.attn.to_q";
  const header = JSON.stringify({ [`${name}.lora_A.weight`]: tensor(0), [`${name}.lora_B.weight`]: tensor(4) });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = join(await temporaryFolder(), "flux.safetensors");
  await writeFile(path, Buffer.concat([length, Buffer.from(header), Buffer.alloc(8)]));
  return path;
}
