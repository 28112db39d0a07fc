import { encodeImage, parseRequest } from "@latentkit/core";
import { FakeComfy } from "@latentkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ComfyOptions, resolveOptions } from "../comfy-options.ts";
import { prepare } from "../prepare.ts";
import { ComfyServer } from "../server/comfy-server.ts";

// The nodes as ComfyUI 0.33 declares them; those of FLUX.3 and Qwen-Image 2.1 as the templates of newer ones use them.
const size = { width: ["INT", { min: 16, max: 16384 }], height: ["INT", { min: 16, max: 16384 }] };
const image = ["IMAGE", {}];
const places = (prefix: string, required: boolean) => [
  "COMFY_AUTOGROW_V3",
  { template: { input: { [required ? "required" : "optional"]: { image } }, prefix, min: 0, max: 12 } },
];
const node = (required: object, output: string[], optional: object = {}) => ({ input: { required, optional }, output });
const extraNodes = {
  KSampler: node(
    {
      ...{ model: ["MODEL"], seed: ["INT", {}], steps: ["INT", {}], cfg: ["FLOAT", {}] },
      ...{ sampler_name: [["euler", "er_sde", "res_multistep"]], scheduler: [["simple", "normal"]] },
      ...{ positive: ["CONDITIONING"], negative: ["CONDITIONING"], latent_image: ["LATENT"], denoise: ["FLOAT", {}] },
    },
    ["LATENT"],
  ),
  EmptyFlux2LatentImage: node({ ...size, batch_size: ["INT", {}] }, ["LATENT"]),
  Flux2Scheduler: node({ steps: ["INT", { min: 1 }], ...size }, ["SIGMAS"]),
  ReferenceLatent: node({ conditioning: ["CONDITIONING"] }, ["CONDITIONING"], { latent: ["LATENT"] }),
  ImageScaleToTotalPixels: node(
    { image, upscale_method: [["nearest-exact", "lanczos"]], megapixels: ["FLOAT", {}], resolution_steps: ["INT", {}] },
    ["IMAGE"],
  ),
  ReferenceMultiLatent: node(
    {
      positive: ["CONDITIONING"],
      negative: ["CONDITIONING"],
      vae: ["VAE"],
      resolution: [
        "COMFY_DYNAMICCOMBO_V3",
        { options: [{ key: "resize", inputs: { required: { megapixels: ["FLOAT", {}] } } }] },
      ],
      images: places("image", true),
    },
    ["CONDITIONING", "CONDITIONING", "LATENT"],
  ),
  TextEncodeQwenImage21: node(
    { clip: ["CLIP"], prompt: ["STRING", {}], negative_prompt: ["STRING", {}], resolution: ["INT", {}] },
    ["CONDITIONING", "CONDITIONING", "LATENT"],
    { vae: ["VAE"], images: places("image_", false) },
  ),
  TextEncodeQwenImageEditPlus: node({ clip: ["CLIP"], prompt: ["STRING", {}] }, ["CONDITIONING"], {
    ...{ vae: ["VAE"], image1: image, image2: image, image3: image },
  }),
  QwenImage21Cache: node({ model: ["MODEL"], device: [["auto"]], dtype: [["default"]] }, ["MODEL"]),
  CLIPLoader: node(
    {
      clip_name: [
        [
          ...["mistral_3_small_flux2_fp8.safetensors", "qwen3vl_4b_fp8.safetensors", "qwen3vl_8b.safetensors"],
          ...["qwen_2.5_vl_7b.safetensors", "qwen_3_4b.safetensors", "qwen_3_8b_fp8mixed.safetensors"],
        ],
      ],
      type: [["stable_diffusion", "flux2", "flux3", "krea2", "lumina2", "qwen_image"]],
    },
    ["CLIP"],
  ),
  VAELoader: node(
    {
      vae_name: [
        [
          ...["flux2-vae.safetensors", "flux_ae.safetensors"],
          ...["qwen_image_2.1_vae_bf16.safetensors", "qwen_image_vae.safetensors"],
        ],
      ],
    },
    ["VAE"],
  ),
} as never;

let fake: FakeComfy;
let photo: Uint8Array;
beforeAll(async () => {
  const diffusionModels = [
    ...["flux-2-klein-4b.safetensors", "flux-2-klein-base-4b.safetensors", "flux3-image-klein.safetensors"],
    ...["krea2_turbo.safetensors", "qwen_image_2.1.safetensors", "qwen_image_2.1_turbo.safetensors"],
    ...["qwen_image_edit_2511.safetensors", "z_image_turbo.safetensors"],
    ...["flux-2-klein-9b.safetensors", "flux2_dev_fp8mixed.safetensors"],
  ];
  fake = await FakeComfy.start({ extraNodes, models: { diffusionModels } });
  photo = await encodeImage({ width: 64, height: 64, channels: 3, data: new Uint8Array(64 * 64 * 3) }, "png");
});
afterAll(() => fake.stop());

async function of(input: object, options: ComfyOptions = {}): Promise<string[]> {
  const server = new ComfyServer(resolveOptions({ url: fake.url, ...options }));
  try {
    const request = parseRequest({ prompt: "a fox", seed: 5, ...input });
    const { graph } = await prepare(server, request, new AbortController().signal);
    return Object.entries(graph).map(([id, { class_type, inputs }]) => {
      const parts = Object.entries(inputs).map(([name, value]) =>
        Array.isArray(value) ? `${name}<${value[0]}${value[1] === 0 ? "" : `.${value[1]}`}>` : `${name}=${value}`,
      );
      return `${id}: ${class_type}(${parts.join(", ")})`;
    });
  } finally {
    await server.dispose();
  }
}
const reference = { kind: "image-prompt", image: "" };
const withPhoto = (input: object, count = 1) => ({
  ...input,
  conditioning: Array.from({ length: count }, () => ({ ...reference, image: photo })),
});

describe("newer families", () => {
  it("FLUX.2 klein: levels by the picture's size; zeros for the unused negative prompt", async () => {
    expect(await of({ model: "flux-2-klein-4b" })).toEqual([
      "diffusion-model: UNETLoader(unet_name=flux-2-klein-4b.safetensors, weight_dtype=default)",
      "text-encoder: CLIPLoader(clip_name=qwen_3_4b.safetensors, type=flux2)",
      "vae: VAELoader(vae_name=flux2-vae.safetensors)",
      "positive: CLIPTextEncode(text=a fox, clip<text-encoder>)",
      "negative: ConditioningZeroOut(conditioning<positive>)",
      "latent: EmptyFlux2LatentImage(width=1024, height=1024, batch_size=1)",
      "sampler-select: KSamplerSelect(sampler_name=euler)",
      "sampler-sigmas: Flux2Scheduler(steps=4, width=1024, height=1024)",
      "sampler: SamplerCustom(model<diffusion-model>, add_noise=true, noise_seed=5, cfg=1, positive<positive>, negative<negative>, sampler<sampler-select>, sigmas<sampler-sigmas>, latent_image<latent>)",
      "decode: VAEDecode(samples<sampler>, vae<vae>)",
      "save: SaveImage(images<decode>, filename_prefix=latentkit/image)",
    ]);
    const base = (await of({ model: "flux-2-klein-base-4b" })).join("\n");
    expect(base).toContain("Flux2Scheduler(steps=20");
    expect(base).toContain("cfg=5");
    const edit = await of({ model: "flux-2-klein-base-4b", task: "image-to-image", image: photo, strength: 0.5 });
    expect(edit).toContain("sampler-sigmas: Flux2Scheduler(steps=40, width=64, height=64)");
    expect(edit).toContain("sampler-sigmas-last: SplitSigmas(sigmas<sampler-sigmas>, step=20)");
  });

  it("FLUX.2 klein: reference pictures as latents beside both prompts", async () => {
    const graph = await of(withPhoto({ model: "flux-2-klein-4b", width: 512, height: 512 }, 2));
    expect(graph.filter((line) => line.includes("ReferenceLatent"))).toEqual([
      "reference-1-positive: ReferenceLatent(conditioning<positive>, latent<reference-1-latent>)",
      "reference-1-negative: ReferenceLatent(conditioning<negative>, latent<reference-1-latent>)",
      "reference-2-positive: ReferenceLatent(conditioning<reference-1-positive>, latent<reference-2-latent>)",
      "reference-2-negative: ReferenceLatent(conditioning<reference-1-negative>, latent<reference-2-latent>)",
    ]);
    expect(graph.join("\n")).toMatch(/positive<reference-2-positive>, negative<reference-2-negative>/);
  });

  it.each([
    ["flux-2-klein-9b", "qwen_3_8b_fp8mixed.safetensors", "flux2-vae.safetensors"],
    ["flux2_dev_fp8mixed", "mistral_3_small_flux2_fp8.safetensors", "flux2-vae.safetensors"],
    ["z_image_turbo", "qwen_3_4b.safetensors", "flux_ae.safetensors"],
  ])("%s: by the usual names, not by names of other families' files that begin alike", async (model, encoder, vae) => {
    const graph = (await of({ model })).join("\n");
    expect(graph).toContain(`clip_name=${encoder}`);
    expect(graph).toContain(`vae_name=${vae}`);
  });

  it("FLUX.3 klein", async () => {
    const graph = (await of(withPhoto({ model: "flux3-image-klein" }))).join("\n");
    expect(graph).toContain("clip_name=qwen3vl_4b_fp8.safetensors, type=flux3");
    expect(graph).toContain(
      "steps=15, cfg=1, sampler_name=er_sde, scheduler=simple, positive<references>, negative<references.1>",
    );
    expect(graph).toContain("resolution=resize, resolution.megapixels=1, images.image0<reference-1-image>");
    expect(graph).toContain("EmptyFlux2LatentImage");
  });

  it("Krea 2", async () => {
    const graph = (await of({ model: "krea2_turbo" })).join("\n");
    expect(graph).toContain("type=krea2");
    expect(graph).toContain("vae_name=qwen_image_vae.safetensors");
    expect(graph).toContain("negative: ConditioningZeroOut");
    expect(graph).toContain("latent: EmptyLatentImage(width=1024, height=1024");
    expect(graph).toContain("steps=8, cfg=1, sampler_name=euler, scheduler=simple");
  });

  it("Qwen-Image 2.1, and its turbo at the levels of its distillation", async () => {
    const graph = (await of(withPhoto({ model: "qwen_image_2.1.safetensors", negativePrompt: "blur" }))).join("\n");
    expect(graph).toContain("clip_name=qwen3vl_8b.safetensors, type=qwen_image");
    expect(graph).toContain(
      "positive: TextEncodeQwenImage21(clip<text-encoder>, prompt=a fox, negative_prompt=blur, resolution=1024, vae<vae>, images.image_1<reference-1-image>)",
    );
    expect(graph).toContain("sampler: KSampler(model<cache>, seed=5, steps=25, cfg=1");
    expect(graph).toContain("positive<positive>, negative<positive.1>");
    const turbo = (await of({ model: "qwen_image_2.1_turbo" })).join("\n");
    expect(turbo).toContain(
      "ManualSigmas(sigmas=1, 0.978453, 0.95418, 0.926626, 0.89508, 0.845148, 0.704534, 0.414568, 0)",
    );
  });

  it("Qwen-Image Edit", async () => {
    const graph = (await of(withPhoto({ model: "qwen_image_edit_2511" }, 2))).join("\n");
    expect(graph).toContain(
      "positive: TextEncodeQwenImageEditPlus(clip<text-encoder>, prompt=a fox, vae<vae>, image1<reference-1-image>, image2<reference-2-image>)",
    );
    expect(graph).toContain("ModelSamplingAuraFlow(model<diffusion-model>, shift=3.1)");
  });

  it.each([
    [{ ...reference, strength: 0.5 }, "conditioning[0].strength"],
    [{ ...reference, model: "plus" }, "conditioning[0].model"],
    [{ ...reference, end: 0.5 }, "conditioning[0].end"],
  ])("refuses what is of IP-Adapters: %o", async (entry, field) => {
    const input = { model: "flux-2-klein-4b", conditioning: [{ ...entry, image: photo }] };
    await expect(of(input)).rejects.toMatchObject({ issues: [{ field }] });
  });

  it("refuses more pictures than a model takes", async () => {
    await expect(of(withPhoto({ model: "qwen_image_edit_2511" }, 4))).rejects.toMatchObject({
      issues: [{ field: "conditioning[3]", message: expect.stringContaining("3 reference pictures at most") }],
    });
  });
});

describe("strengthConvention", () => {
  const edit = { model: "tiny", task: "image-to-image", image: "", steps: 20 } as const;
  const sampler = async (strength: number, options: ComfyOptions = {}, more: object = {}) =>
    (await of({ ...edit, image: photo, strength, ...more }, options)).find((line) => line.startsWith("sampler:")) ?? "";
  /** How many steps KSampler runs, and of how many: `denoise` cuts the end of a longer schedule off. */
  const runs = (line: string) => {
    const [, steps, denoise] = /steps=(\d+).*denoise=([\d.e-]+)/.exec(line)!;
    return [Number(steps), Math.floor(Number(steps) / Number(denoise))];
  };

  it.each([0.05, 0.3, 0.35, 0.5, 0.7, 0.75, 0.95])(
    "counts as ComfyUI does, or as diffusers do: %s",
    async (strength) => {
      expect(runs(await sampler(strength))).toEqual([20, Math.floor(20 / strength)]);
      const kept = Math.floor(20 * strength);
      const ours = { strengthConvention: "diffusers" } as const;
      expect(runs(await sampler(strength, ours))).toEqual([kept, 20]);
      expect(runs(await sampler(strength, {}, { backendOptions: { comfy: ours } }))).toEqual([kept, 20]);
    },
  );

  it("runs all steps at a strength of 1, and none where none is left", async () => {
    expect(runs(await sampler(1, { strengthConvention: "diffusers" }))).toEqual([20, 20]);
    expect(await sampler(0.04, { strengthConvention: "diffusers" })).toBe("");
  });
});
