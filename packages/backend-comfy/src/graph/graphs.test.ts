import { encodeImage, parseRequest } from "@latentkit/core";
import { FakeComfy, ipAdapterNodes } from "@latentkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ComfyOptions, resolveOptions } from "../comfy-options.ts";
import { prepare } from "../prepare.ts";
import { ComfyServer } from "../server/comfy-server.ts";
import type { Graph } from "./graph.ts";

let fake: FakeComfy;
let image: Uint8Array;
let odd: Uint8Array;
const signal = new AbortController().signal;

beforeAll(async () => {
  fake = await FakeComfy.start({ extraNodes: ipAdapterNodes() });
  const blank = (width: number, height: number) =>
    encodeImage({ width, height, channels: 3, data: new Uint8Array(width * height * 3) }, "png");
  image = await blank(64, 64);
  odd = await blank(70, 50);
});
afterAll(() => fake.stop());

async function build(input: object, options: ComfyOptions = {}) {
  const server = new ComfyServer(resolveOptions({ url: fake.url, ...options }));
  try {
    return await prepare(server, parseRequest(input), signal);
  } finally {
    await server.dispose();
  }
}

/** One line a node: `id: Class(input=value, …)`, links as `<id[.slot]>`. */
function lines(graph: Graph): string[] {
  return Object.entries(graph).map(([id, { class_type, inputs }]) => {
    const parts = Object.entries(inputs).map(([name, value]) =>
      Array.isArray(value) ? `${name}<${value[0]}${value[1] === 0 ? "" : `.${value[1]}`}>` : `${name}=${value}`,
    );
    return `${id}: ${class_type}(${parts.join(", ")})`;
  });
}

const of = async (input: object, options?: ComfyOptions) =>
  lines((await build({ prompt: "a fox", seed: 5, ...input }, options)).graph);

describe("graphs", () => {
  it("text to image", async () => {
    expect(
      await of({
        negativePrompt: "blur",
        width: 512,
        height: 768,
        steps: 30,
        guidanceScale: 6,
        sampler: "dpmpp_2m",
        scheduler: "karras",
      }),
    ).toEqual([
      "checkpoint: CheckpointLoaderSimple(ckpt_name=tiny.safetensors)",
      "positive: CLIPTextEncode(text=a fox, clip<checkpoint.1>)",
      "negative: CLIPTextEncode(text=blur, clip<checkpoint.1>)",
      "latent: EmptyLatentImage(width=512, height=768, batch_size=1)",
      "sampler: KSampler(model<checkpoint>, seed=5, steps=30, cfg=6, sampler_name=dpmpp_2m, scheduler=karras, positive<positive>, negative<negative>, latent_image<latent>, denoise=1)",
      "decode: VAEDecode(samples<sampler>, vae<checkpoint.2>)",
      "save: SaveImage(images<decode>, filename_prefix=latentkit/image)",
    ]);
  });

  it("is the same for the same request, and every node has inputs", async () => {
    const input = { prompt: "a fox", seed: 5, count: 3 };
    const [first, second] = [await build(input), await build(input)];
    expect(second.graph).toEqual(first.graph);
    expect(first.outputs).toEqual({ save: 0, "save-1": 1, "save-2": 2 });
    expect(Object.values(first.graph).every(({ inputs }) => typeof inputs === "object")).toBe(true);
    expect(first.graph["sampler-2"]!.inputs["seed"]).toBe(7);
  });

  it("LoRA chain, CLIP skip, embeddings", async () => {
    const graph = await of({
      prompt: "a fox, easynegative style",
      loras: [
        { model: "styles/ink-wash-v2", strength: 0.7 },
        { model: "detail", strength: 0.5, textEncoderStrength: 0 },
      ],
      clipSkip: 2,
      embeddings: [{ model: "easynegative" }],
    });
    expect(graph.slice(1, 5)).toEqual([
      "lora-1: LoraLoader(model<checkpoint>, clip<checkpoint.1>, lora_name=styles\\ink_wash-v2.safetensors, strength_model=0.7, strength_clip=0.7)",
      "lora-2: LoraLoader(model<lora-1>, clip<lora-1.1>, lora_name=detail.safetensors, strength_model=0.5, strength_clip=0)",
      "clip-skip: CLIPSetLastLayer(clip<lora-2.1>, stop_at_clip_layer=-2)",
      "positive: CLIPTextEncode(text=a fox, embedding:easynegative style, clip<clip-skip>)",
    ]);
  });

  it("ControlNets, one after the other, a union one with its type", async () => {
    const graph = await of({
      conditioning: [
        { kind: "control", control: "canny", image, strength: 0.8, end: 0.6 },
        { kind: "control", control: "pose", image },
      ],
    });
    expect(graph).toContain("control-1: ControlNetLoader(control_net_name=control_canny.safetensors)");
    expect(graph).toContain("control-2-type: SetUnionControlNetType(control_net<control-2>, type=openpose)");
    expect(graph.find((line) => line.startsWith("control-1-apply"))).toMatch(
      /positive<positive>, negative<negative>.*strength=0.8, start_percent=0, end_percent=0.6/,
    );
    expect(graph.find((line) => line.startsWith("control-2-apply"))).toMatch(
      /positive<control-1-apply>, negative<control-1-apply.1>, control_net<control-2-type>/,
    );
    expect(graph.find((line) => line.startsWith("sampler:"))).toMatch(
      /positive<control-2-apply>, negative<control-2-apply.1>/,
    );
  });

  it("control pictures made from photos on the server", async () => {
    const control = (kind: string) => ({
      conditioning: [{ kind: "control", control: kind, image }],
      backendOptions: { comfy: { preprocess: true } },
    });
    const graph = await of(control("canny"));
    expect(graph).toContain(
      "control-1-preprocess: Canny(image<control-1-image>, low_threshold=0.4, high_threshold=0.8)",
    );
    expect(graph.find((line) => line.startsWith("control-1-apply"))).toContain("image<control-1-preprocess>");
    await expect(of(control("depth"))).rejects.toMatchObject({
      issues: [
        { field: "backendOptions.comfy.preprocess", message: expect.stringContaining('no preprocessor for "depth"') },
      ],
    });
  });

  it("brackets weigh, unless the prompt is plain", async () => {
    const prompt = "a (red:1.2) fox";
    expect(await of({ prompt })).toContain("positive: CLIPTextEncode(text=a (red:1.2) fox, clip<checkpoint.1>)");
    const conditioning = [{ kind: "text" as const, prompt: "snow (deep)", weight: 1.3 }];
    const graph = await of({ prompt, conditioning, promptSyntax: "plain" });
    expect(graph).toContain("positive: CLIPTextEncode(text=a \\(red:1.2\\) fox, clip<checkpoint.1>)");
    expect(graph).toContain("text-1: CLIPTextEncode(text=(snow \\(deep\\):1.3), clip<checkpoint.1>)");
  });

  it("more text: appended, or in a window of its own", async () => {
    const graph = await of({
      conditioning: [
        { kind: "text", prompt: "snow", weight: 1.3 },
        { kind: "text", prompt: "night", start: 0.5 },
      ],
    });
    expect(graph).toContain("text-1: CLIPTextEncode(text=(snow:1.3), clip<checkpoint.1>)");
    expect(graph).toContain("text-1-added: ConditioningConcat(conditioning_to<positive>, conditioning_from<text-1>)");
    expect(graph).toContain("text-2-window: ConditioningSetTimestepRange(conditioning<text-2>, start=0.5, end=1)");
    expect(graph).toContain(
      "text-2-added: ConditioningCombine(conditioning_1<text-1-added>, conditioning_2<text-2-window>)",
    );
  });

  it("image prompts where the IP-Adapter pack is installed", async () => {
    const graph = await of({ conditioning: [{ kind: "image-prompt", image, model: "plus", strength: 0.6 }] });
    expect(graph).toContain(
      "image-prompt-1-loader: IPAdapterUnifiedLoader(model<checkpoint>, preset=PLUS (high strength))",
    );
    expect(graph.find((line) => line.startsWith("image-prompt-1:"))).toMatch(
      /model<image-prompt-1-loader>.*weight=0.6/,
    );
    expect(graph.find((line) => line.startsWith("sampler:"))).toContain("model<image-prompt-1>");
  });

  it("image to image, resized to what the VAE takes", async () => {
    const graph = await of({ task: "image-to-image", image: odd, strength: 0.4 });
    expect(graph).toContain(
      "image-resized: ImageScale(image<image>, upscale_method=lanczos, width=64, height=48, crop=center)",
    );
    expect(graph).toContain("encode: VAEEncode(pixels<image-resized>, vae<checkpoint.2>)");
    expect(graph.find((line) => line.startsWith("sampler:"))).toContain("latent_image<encode>, denoise=0.4");
    const exact = await of({ task: "image-to-image", image });
    expect(exact.some((line) => line.includes("ImageScale"))).toBe(false);
  });

  it.each([
    [
      "noise-mask",
      "noise-mask: SetLatentNoiseMask(samples<encode>, mask<mask>)",
      "positive<positive>, negative<negative>, latent_image<noise-mask>",
    ],
    [
      "vae-inpaint",
      "encode: VAEEncodeForInpaint(pixels<image>, vae<checkpoint.2>, mask<mask>, grow_mask_by=9)",
      "latent_image<encode>",
    ],
    [
      "inpaint-model",
      "inpaint-conditioning: InpaintModelConditioning(positive<positive>, negative<negative>, vae<checkpoint.2>, pixels<image>, mask<mask>, noise_mask=true)",
      "positive<inpaint-conditioning>, negative<inpaint-conditioning.1>, latent_image<inpaint-conditioning.2>",
    ],
  ])("inpaint by %s, with the kept part put back", async (inpaint, line, sampler) => {
    const graph = await of({
      task: "inpaint",
      image,
      mask: image,
      backendOptions: { comfy: { inpaint, growMaskBy: 9 } },
    });
    expect(graph).toContain(line);
    expect(graph.find((node) => node.startsWith("sampler:"))).toContain(sampler);
    expect(graph).toContain(
      "composite: ImageCompositeMasked(destination<image>, source<decode>, x=0, y=0, resize_source=false, mask<mask>)",
    );
    expect(graph.at(-1)).toContain("images<composite>");
  });

  it("leaves the model's own where nothing is to be kept", async () => {
    const graph = await of({ task: "inpaint", image, mask: image, keepUnmasked: false });
    expect(graph.some((node) => node.startsWith("composite"))).toBe(false);
    expect(graph.at(-1)).toContain("images<decode>");
  });

  it("puts the kept part back, enlarged, where a hires pass has painted", async () => {
    const graph = await of({ task: "inpaint", image, mask: odd, hires: { scale: 1.5 } });
    expect(graph).toEqual(
      expect.arrayContaining([
        "kept-image: ImageScale(image<image>, upscale_method=lanczos, width=96, height=96, crop=center)",
        "kept-mask-resized: ImageScale(image<kept-mask-image>, upscale_method=lanczos, width=96, height=96, crop=center)",
        "composite: ImageCompositeMasked(destination<kept-image>, source<decode>, x=0, y=0, resize_source=false, mask<kept-mask-again>)",
      ]),
    );
    const outpaint = await of({ task: "outpaint", image: odd, bottom: 20, hires: { scale: 1.25 } });
    // 70 × 70 is painted as 72 × 72: 9 latents become 11.25, so 11.
    expect(outpaint.find((line) => line.startsWith("kept-image"))).toContain("width=88, height=88");
    expect(outpaint).toContain("crop: ImageCrop(image<composite>, width=88, height=88, x=0, y=0)");
    const half = await of({ task: "inpaint", image, mask: image, hires: { scale: 1.0625 } });
    expect(half.find((line) => line.startsWith("kept-image"))).toContain("width=64, height=64");
  });

  it("outpaint, padded to what the VAE takes and cut back", async () => {
    const graph = await of({ task: "outpaint", image: odd, left: 10, bottom: 20, feather: 8 });
    expect(graph).toContain("pad: ImagePadForOutpaint(image<image>, left=10, top=0, right=0, bottom=22, feathering=8)");
    expect(graph).toContain("crop: ImageCrop(image<composite>, width=80, height=70, x=0, y=0)");
  });

  it("hires fix in latents, or by an upscale model", async () => {
    const latent = await of({ hires: { scale: 1.5, strength: 0.45, steps: 12, upscaler: "bicubic" } });
    expect(latent).toContain("hires-latent: LatentUpscaleBy(samples<sampler>, upscale_method=bicubic, scale_by=1.5)");
    expect(latent.find((line) => line.startsWith("hires-sampler:"))).toMatch(
      /steps=12.*latent_image<hires-latent>, denoise=0.45/,
    );
    const model = await of({ width: 512, height: 512, hires: { scale: 1.5, upscaler: "RealESRGAN_x4plus" } });
    expect(model).toContain("hires-upscale: ImageUpscaleWithModel(upscale_model<upscale-model>, image<hires-decode>)");
    expect(model.find((line) => line.startsWith("hires-resize"))).toContain("width=768, height=768");
  });

  it("upscale by the server's model of that factor, by none, and with a prompt", async () => {
    const plain = await of({ task: "upscale", prompt: undefined, image: odd, scale: 4 });
    expect(plain).toEqual([
      expect.stringContaining("image: LoadImage("),
      "upscale-model: UpscaleModelLoader(model_name=RealESRGAN_x4plus.pth)",
      "upscale: ImageUpscaleWithModel(upscale_model<upscale-model>, image<image>)",
      "resize: ImageScale(image<upscale>, upscale_method=lanczos, width=280, height=200, crop=disabled)",
      "save: SaveImage(images<resize>, filename_prefix=latentkit/image)",
    ]);
    const refined = await of({ task: "upscale", prompt: "sharp", image, scale: 2 });
    expect(refined.find((line) => line.startsWith("sampler:"))).toContain("latent_image<encode>, denoise=0.35");
  });

  it("unconditional: an empty prompt without guidance", async () => {
    const graph = lines((await build({ task: "unconditional", seed: 1 })).graph);
    expect(graph.find((line) => line.startsWith("positive"))).toContain("text=,");
    expect(graph.find((line) => line.startsWith("sampler:"))).toContain("cfg=1,");
  });

  it("guidance patches", async () => {
    const graph = await of({ guidance: { mode: "apg", rescale: 0.5, pagScale: 2, apgEta: 0.3 } });
    expect(graph.filter((line) => /^(apg|perturbed|rescale)/.test(line))).toEqual([
      "apg: APG(model<checkpoint>, eta=0.3, norm_threshold=5, momentum=0)",
      "perturbed-attention: PerturbedAttentionGuidance(model<apg>, scale=2)",
      "rescale-cfg: RescaleCFG(model<perturbed-attention>, multiplier=0.5)",
    ]);
  });

  it("sigmas of one's own", async () => {
    const graph = await of({ sigmas: [14.6, 2, 0] });
    expect(graph).toContain("sampler-sigmas: ManualSigmas(sigmas=14.6, 2, 0)");
    const sampler = graph.find((line) => line.startsWith("sampler:"));
    expect(sampler).toMatch(/SamplerCustom\(.*noise_seed=5.*sigmas<sampler-sigmas>/);
    const hires = await of({ sigmas: [14.6, 9, 5, 2, 0], hires: { strength: 0.5 } });
    expect(hires).toContain("hires-sampler-sigmas: ManualSigmas(sigmas=5, 2, 0)");
  });

  it("sampler options: the sampler's own node, whose other inputs keep the sampler's own values", async () => {
    const sampling = { sampler: "dpmpp_2m_sde", samplerOptions: { eta: 0.4, sNoise: 1.01 } };
    const graph = await of({ ...sampling, scheduler: "karras", task: "image-to-image", image, strength: 0.5 });
    expect(graph.filter((line) => /^sampler/.test(line))).toEqual([
      "sampler-select: SamplerDPMPP_2M_SDE(solver_type=midpoint, eta=0.4, s_noise=1.01, noise_device=cpu)",
      "sampler-sigmas: BasicScheduler(model<checkpoint>, scheduler=karras, steps=20, denoise=0.5)",
      "sampler: SamplerCustom(model<checkpoint>, add_noise=true, noise_seed=5, cfg=7, positive<positive>, negative<negative>, sampler<sampler-select>, sigmas<sampler-sigmas>, latent_image<encode>)",
    ]);
  });

  it("scheduler options: the scheduler's own node, cut to the strength", async () => {
    const graph = await of({ scheduler: "karras", schedulerOptions: { rho: 5 }, steps: 10 });
    expect(graph).toContain(
      "sampler-sigmas: KarrasScheduler(steps=10, sigma_max=14.614642143249512, sigma_min=0.029167532920837402, rho=5)",
    );
    const edit = { task: "image-to-image", image, strength: 0.3, scheduler: "beta", schedulerOptions: { alpha: 1 } };
    const cut = await of({ ...edit, steps: 10 });
    expect(cut).toContain("sampler-sigmas: BetaSamplingScheduler(model<checkpoint>, steps=33, alpha=1, beta=0.6)");
    expect(cut).toContain("sampler-sigmas-last: SplitSigmas(sigmas<sampler-sigmas>, step=23)");
    expect(cut.find((line) => line.startsWith("sampler:"))).toContain("sigmas<sampler-sigmas-last.1>");
    const extra = await of({ scheduler: "polyexponential" });
    expect(extra.find((line) => line.startsWith("sampler-sigmas:"))).toContain("PolyexponentialScheduler(steps=20");
  });

  it("guidance for a part of the steps: a sampler node for each stretch, each going on from the last", async () => {
    const graph = await of({ steps: 10, guidance: { start: 0.25, end: 0.8, rescale: 0.5 } });
    expect(graph.filter((line) => /^(sampler|guider|no-noise|rescale)/.test(line))).toEqual([
      "rescale-cfg: RescaleCFG(model<checkpoint>, multiplier=0.5)",
      "guider-unguided: BasicGuider(model<checkpoint>, conditioning<positive>)",
      "guider: CFGGuider(model<rescale-cfg>, positive<positive>, negative<negative>, cfg=7)",
      "sampler-noise: RandomNoise(noise_seed=5)",
      "sampler-select: KSamplerSelect(sampler_name=euler)",
      "sampler-sigmas: BasicScheduler(model<checkpoint>, scheduler=normal, steps=10, denoise=1)",
      "sampler-sigmas-1: SplitSigmas(sigmas<sampler-sigmas>, step=2)",
      "sampler-part-1: SamplerCustomAdvanced(noise<sampler-noise>, guider<guider-unguided>, sampler<sampler-select>, sigmas<sampler-sigmas-1>, latent_image<latent>)",
      "sampler-sigmas-2: SplitSigmas(sigmas<sampler-sigmas-1.1>, step=6)",
      "no-noise: DisableNoise()",
      "sampler-part-2: SamplerCustomAdvanced(noise<no-noise>, guider<guider>, sampler<sampler-select>, sigmas<sampler-sigmas-2>, latent_image<sampler-part-1>)",
      "sampler: SamplerCustomAdvanced(noise<no-noise>, guider<guider-unguided>, sampler<sampler-select>, sigmas<sampler-sigmas-2.1>, latent_image<sampler-part-2>)",
    ]);
    const { outputs, graph: two } = await build({ prompt: "a", steps: 10, guidance: { end: 0.5 }, count: 2, seed: 5 });
    expect(outputs).toEqual({ save: 0, "save-1": 1 });
    expect(two["sampler-noise-1"]!.inputs).toEqual({ noise_seed: 6 });
    expect(two["sampler-1"]!._meta).toMatchObject({ steps: 5, from: 5, of: 10 });
    expect(two["sampler-1"]!.inputs["latent_image"]).toEqual(["sampler-part-1-1", 0]);
  });

  it("a part of the steps: from startStep, in place of a strength, to endStep", async () => {
    const edit = { task: "image-to-image", image, steps: 10, hires: { steps: 4 } };
    const graph = await of({ ...edit, startStep: 3, endStep: 8 });
    expect(graph.filter((line) => /^(sampler|hires-sampler)/.test(line))).toEqual([
      "sampler-select: KSamplerSelect(sampler_name=euler)",
      "sampler-sigmas: BasicScheduler(model<checkpoint>, scheduler=normal, steps=10, denoise=1)",
      "sampler-sigmas-first: SplitSigmas(sigmas<sampler-sigmas>, step=8)",
      "sampler-sigmas-rest: SplitSigmas(sigmas<sampler-sigmas-first>, step=3)",
      "sampler: SamplerCustom(model<checkpoint>, add_noise=true, noise_seed=5, cfg=7, positive<positive>, negative<negative>, sampler<sampler-select>, sigmas<sampler-sigmas-rest.1>, latent_image<encode>)",
      "hires-sampler: KSampler(model<checkpoint>, seed=5, steps=4, cfg=7, sampler_name=euler, scheduler=normal, positive<positive>, negative<negative>, latent_image<hires-latent>, denoise=0.5)",
    ]);
    const { graph: cut } = await build({ prompt: "a", steps: 10, endStep: 8, guidance: { start: 0.5 } });
    expect(cut["sampler-part-1"]!._meta).toMatchObject({ steps: 5, from: 0, of: 8 });
    expect(cut["sampler"]!._meta).toMatchObject({ steps: 3, from: 5, of: 8 });
    expect(await of({ sigmas: [14, 9, 5, 2, 1, 0], endStep: 4 })).toContain(
      "sampler-sigmas: ManualSigmas(sigmas=14, 9, 5, 2, 1)",
    );
    expect((await of({ steps: 10, endStep: 12 })).find((line) => line.startsWith("sampler:"))).toContain("KSampler(");
  });

  it("Flux: guidance in the conditioning, and a guider", async () => {
    const graph = await of({ model: "flux1-dev", guidanceScale: 2.5, steps: 8 });
    expect(graph).toEqual([
      "diffusion-model: UNETLoader(unet_name=flux1-dev.safetensors, weight_dtype=default)",
      "text-encoder: DualCLIPLoader(clip_name1=clip_l.safetensors, clip_name2=t5xxl_fp16.safetensors, type=flux)",
      "vae: VAELoader(vae_name=ae.safetensors)",
      "positive: CLIPTextEncode(text=a fox, clip<text-encoder>)",
      "flux-guidance: FluxGuidance(conditioning<positive>, guidance=2.5)",
      "negative: ConditioningZeroOut(conditioning<positive>)",
      "latent: EmptySD3LatentImage(width=1024, height=1024, batch_size=1)",
      "guider: BasicGuider(model<diffusion-model>, conditioning<flux-guidance>)",
      "sampler-noise: RandomNoise(noise_seed=5)",
      "sampler-select: KSamplerSelect(sampler_name=euler)",
      "sampler-sigmas: BasicScheduler(model<diffusion-model>, scheduler=simple, steps=8, denoise=1)",
      "sampler: SamplerCustomAdvanced(noise<sampler-noise>, guider<guider>, sampler<sampler-select>, sigmas<sampler-sigmas>, latent_image<latent>)",
      "decode: VAEDecode(samples<sampler>, vae<vae>)",
      "save: SaveImage(images<decode>, filename_prefix=latentkit/image)",
    ]);
  });

  it.each([
    ["sd3.5_large", ["TripleCLIPLoader", "ModelSamplingSD3(model<diffusion-model>, shift=3)", "cfg=4.5"]],
    [
      "qwen_image_fp8",
      ["type=qwen_image", "ModelSamplingAuraFlow(model<diffusion-model>, shift=3.1)", "cfg=2.5", "width=1328"],
    ],
    ["z_image_turbo_bf16", ["type=lumina2", "clip_name=qwen_3_4b.safetensors", "steps=8, cfg=1"]],
  ])("%s: text to image and image to image", async (model, parts) => {
    const text = (await of({ model })).join("\n");
    for (const part of parts) expect(text).toContain(part);
    const edit = await of({ model, task: "image-to-image", image, strength: 0.5 });
    expect(edit.find((line) => line.startsWith("sampler:"))).toContain("latent_image<encode>, denoise=0.5");
  });

  it.each([
    ["socket", "SaveImageWebsocket"],
    ["temp", "PreviewImage"],
    ["view", "SaveImage"],
  ] as const)("delivers by %s", async (delivery, classType) => {
    const { graph } = await build({ prompt: "a fox" }, { delivery });
    expect(graph["save"]!.class_type).toBe(classType);
  });
});
