import type { Capabilities } from "@latentkit/core";
import { expect, it } from "vitest";
import { readA1111Request } from "./a1111-request.ts";

const options = { CLIP_stop_at_last_layers: 1, samples_format: "png" as const, show_progress_every_n_steps: -1 };
const capabilities = { features: [] } as unknown as Capabilities;
const read = (body: object) =>
  readA1111Request({ prompt: "a", init_images: ["AAAA"], mask: "BBBB", ...body }, "img2img", { options, capabilities });

it("takes a mask's blur, its part alone and the room around it, with A1111's defaults", () => {
  expect(read({}).input).toMatchObject({ maskBlur: 4, onlyMasked: true, maskPadding: 0, strength: 0.75 });
  const whole = read({ mask_blur: 0, inpaint_full_res: false, inpaint_full_res_padding: 32 });
  expect(whole.input).toMatchObject({ maskBlur: 0 });
  expect(whole.input).not.toHaveProperty("onlyMasked");
  expect(whole.input).not.toHaveProperty("maskPadding");
  expect(whole.warnings).toEqual([]);
  const part = read({ mask_blur_x: 2, mask_blur_y: 6, inpaint_full_res: 1, inpaint_full_res_padding: 16 });
  expect(part.input).toMatchObject({ maskBlur: 6, onlyMasked: true, maskPadding: 16 });
  expect(part.warnings).toEqual([expect.stringContaining("mask_blur_x")]);
  expect(() => read({ mask_blur: "much" })).toThrow(/mask_blur/);
});

it("says nothing of masks where there is none", () => {
  const { input } = read({ mask: null, mask_blur: 8 });
  expect(Object.keys(input)).not.toContain("maskBlur");
});

it("takes a second pass with its own sampler and schedule", () => {
  const body = {
    prompt: "a",
    enable_hr: true,
    hr_upscaler: "Latent (nearest-exact)",
    hr_scheduler: "Use same scheduler",
  };
  const hires = (more: object) =>
    readA1111Request({ ...body, ...more }, "txt2img", { options, capabilities }).input.hires;
  expect(hires({})).toEqual({ scale: 2, strength: 0.7, upscaler: "nearest-exact" });
  expect(hires({ hr_sampler_name: "Use same sampler" })).not.toHaveProperty("sampler");
  const own = { hr_sampler_name: "DPM++ 2M", hr_scheduler: "Karras", hr_second_pass_steps: 5 };
  expect(hires(own)).toMatchObject({ sampler: "DPM++ 2M", scheduler: "Karras", steps: 5 });
});
