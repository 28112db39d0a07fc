import { encodeImage } from "@latentkit/core";
import { eventually } from "@latentkit/testing";
import { describe, expect, it } from "vitest";
import { hashApiKey, newApiKey } from "../access/api-key.ts";
import { harness } from "../testing/harness.ts";

const photo = Buffer.from(
  await encodeImage({ width: 16, height: 16, channels: 3, data: new Uint8Array(768).fill(90) }, "png"),
).toString("base64");

describe("A1111's API, by the calls that its clients make", () => {
  it("draws from text as SillyTavern asks for it", async () => {
    const { call } = await harness({ loras: { ink: "/l/ink.safetensors" } });
    // What SillyTavern 1.13's server sends to txt2img.
    const json = {
      prompt: "a fox",
      negative_prompt: "blur",
      sampler_name: "Euler",
      scheduler: "Automatic",
      steps: 4,
      cfg_scale: 7,
      width: 32,
      height: 32,
      restore_faces: false,
      enable_hr: false,
      hr_upscaler: "Latent",
      hr_scale: 2,
      hr_additional_modules: [],
      denoising_strength: 0.7,
      hr_second_pass_steps: 0,
      seed: 7,
      override_settings: { CLIP_stop_at_last_layers: 1 },
      override_settings_restore_afterwards: true,
      clip_skip: 1,
      save_images: true,
      send_images: true,
      do_not_save_grid: false,
      do_not_save_samples: false,
    };
    const made = await call("/sdapi/v1/txt2img", { json });
    expect(made.status).toBe(200);
    expect(Buffer.from(made.json.images[0], "base64").toString("latin1", 1, 4)).toBe("PNG");
    const info = JSON.parse(made.json.info);
    expect(info).toMatchObject({
      seed: 7,
      all_seeds: [7],
      width: 32,
      steps: 4,
      cfg_scale: 7,
      negative_prompt: "blur",
      sampler_name: "euler",
    });
    expect(info.infotexts[0]).toMatch(/^a fox\nNegative prompt: blur\nSteps: 4, Sampler: Euler/);
    expect(info.latentkit.recipe.request).toMatchObject({
      noise: { convention: "a1111", source: "nv" },
      promptSyntax: "a1111",
    });
    expect(info.latentkit.warnings).toEqual(expect.arrayContaining([expect.stringContaining("clip_skip")]));
    expect(made.json.parameters).toMatchObject({ prompt: "a fox", width: 32 });
    const read = await call("/sdapi/v1/png-info", { json: { image: `data:image/png;base64,${made.json.images[0]}` } });
    expect(read.json.info).toBe(info.infotexts[0]);
  });

  it("draws several, with random seeds and LoRA tags", async () => {
    const { call } = await harness({ loras: ["ink"] });
    const made = await call("/sdapi/v1/txt2img", {
      json: { prompt: "a <lora:ink:0.5>", seed: -1, batch_size: 2, n_iter: 2, sampler_index: "Euler" },
    });
    expect(made.json.images).toHaveLength(4);
    const { all_seeds, latentkit } = JSON.parse(made.json.info);
    expect(new Set(all_seeds).size).toBe(4);
    expect(latentkit.recipe.request).toMatchObject({ prompt: "a", loras: [{ model: "ink", strength: 0.5 }] });
    expect((await call("/sdapi/v1/txt2img", { json: { prompt: "<lora:../x:1>" } })).json.detail).toMatch(
      /no LoRA "\.\.\/x"/,
    );
  });

  it("tells progress with the picture so far, and is interrupted", async () => {
    const { call, backend } = await harness({}, { stepMs: 20 });
    const json = { prompt: "a", steps: 150, force_task_id: "task(mine)", n_iter: 2 };
    const drawing = call("/sdapi/v1/txt2img", { json });
    let told = await call("/sdapi/v1/progress");
    await eventually(async () => {
      told = await call("/sdapi/v1/progress");
      return told.json.current_image !== null;
    });
    expect(told.json).toMatchObject({ state: { job_count: 2, sampling_steps: 150 }, current_task: "task(mine)" });
    expect(told.json.progress).toBeGreaterThan(0);
    expect((await call("/sdapi/v1/progress?skip_current_image=true")).json.current_image).toBeNull();
    await call("/sdapi/v1/interrupt", { method: "POST" });
    expect(await drawing).toMatchObject({ status: 200, json: { images: [] } });
    expect(JSON.parse((await drawing).json.info).latentkit.interrupted).toBe(true);
    expect(backend.running).toBe(0);
    expect((await call("/sdapi/v1/progress")).json).toMatchObject({
      progress: 0,
      current_task: null,
      state: { job_count: 0 },
    });
  });

  it("refuses what it would not draw as asked, and says what it leaves out", async () => {
    const { call, backend } = await harness();
    const refused = async (json: object) => {
      const answer = await call("/sdapi/v1/txt2img", { json: { prompt: "a", ...json } });
      return [answer.status, answer.json.detail];
    };
    expect(await refused({ alwayson_scripts: { ControlNet: { args: [] } } })).toEqual([
      422,
      expect.stringContaining("ControlNet"),
    ]);
    expect(await refused({ tiling: true })).toEqual([422, expect.stringContaining("tiling")]);
    expect(await refused({ styles: ["x"] })).toEqual([422, expect.stringContaining("styles")]);
    expect(await refused({ seed: "x" })).toEqual([422, expect.stringContaining("seed")]);
    expect(await refused({ width: 20 })).toEqual([422, expect.stringContaining("width")]);
    expect(await refused({ override_settings: { sd_model_checkpoint: "/m" } })).toEqual([
      422,
      expect.stringContaining("/m"),
    ]);
    expect((await call("/sdapi/v1/img2img", { json: { prompt: "a", init_images: [] } })).json.detail).toMatch(
      /init_images/,
    );
    const url = await call("/sdapi/v1/img2img", { json: { prompt: "a", init_images: ["http://169.254.169.254/x"] } });
    expect(url.json.detail).toMatch(/fetches no addresses/);
    // The in-memory backend draws from text alone.
    const masked = { prompt: "a", init_images: [photo], mask: photo, inpainting_mask_invert: 1 };
    expect((await call("/sdapi/v1/img2img", { json: masked })).json.detail).toMatch(/inpaint/);
    expect((await call("/sdapi/v1/img2img", { json: { prompt: "a", init_images: [photo] } })).json.detail).toMatch(
      /image-to-image/,
    );
    expect(backend.begun).toBe(0);
  });

  it("has the lists, and options as Open WebUI sends them back", async () => {
    const key = newApiKey();
    const { call } = await harness({ apiKeys: [hashApiKey(key)], models: ["fox"], upscalers: ["esrgan"] });
    const headers = { authorization: `Basic ${Buffer.from(`any:${key}`).toString("base64")}` };
    const get = async (path: string) => (await call(`/sdapi/v1/${path}`, { headers })).json;
    expect((await call("/sdapi/v1/options")).status).toBe(401);
    expect((await get("samplers")).map(({ name }: { name: string }) => name)).toEqual(["euler"]);
    expect((await get("schedulers")).map(({ name }: { name: string }) => name)).toEqual(["automatic", "normal"]);
    expect((await get("sd-models")).map(({ title }: { title: string }) => title)).toEqual(["stripes", "fox"]);
    expect((await get("upscalers")).map(({ name }: { name: string }) => name)).toEqual(["None", "Lanczos", "esrgan"]);
    for (const path of ["loras", "latent-upscale-modes", "sd-vae", "embeddings", "prompt-styles"])
      expect(await get(path)).toBeDefined();
    const options = await get("options");
    expect(options.sd_model_checkpoint).toBe("stripes");
    expect(
      (await call("/sdapi/v1/options", { json: { ...options, sd_model_checkpoint: "fox" }, headers })).status,
    ).toBe(200);
    expect((await get("options")).sd_model_checkpoint).toBe("fox");
    const made = await call("/sdapi/v1/txt2img", { json: { prompt: "a" }, headers });
    expect(JSON.parse(made.json.info).latentkit.recipe.request.model).toBe("fox");
    expect((await call("/sdapi/v1/options", { json: { sd_model_checkpoint: "nope" }, headers })).status).toBe(422);
    const large = await call("/sdapi/v1/extra-single-image", {
      json: { image: photo, upscaling_resize: 3, upscaler_1: "Lanczos" },
      headers,
    });
    expect(Buffer.from(large.json.image, "base64").readUInt32BE(16)).toBe(48);
  });
});
