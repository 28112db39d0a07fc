import { type Client, createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { comfy } from "./comfy-backend.ts";
import { samplerNodes, schedulerNodes } from "./graph/sampler-nodes.ts";
import type { ObjectInfo } from "./server/object-info.ts";

// Options of samplers and schedulers, and ways of guidance, on a real ComfyUI with a Stable Diffusion 1.x checkpoint: the
// server's only one, or COMFYUI_CHECKPOINT. What is left as the sampler has it must give the very picture of a KSampler.
const url = process.env["COMFYUI_URL"] ?? "";
const checkpoint = process.env["COMFYUI_CHECKPOINT"];
const size = { width: 64, height: 64 } as const;
const request = { prompt: "a red apple", steps: 4, seed: 7, guidanceScale: 6, ...size } satisfies GenerationInput;

describe.skipIf(url === "")("sampling on the server at COMFYUI_URL (not run when unset)", () => {
  let client: Client;
  let info: ObjectInfo;
  let image: Uint8Array;
  beforeAll(async () => {
    const backend = comfy({ url, ...(checkpoint === undefined ? {} : { checkpoint }) });
    client = createClient({ backend });
    info = await backend.server.objectInfo();
    const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7) % 251);
    image = await encodeImage({ ...size, channels: 3, data }, "png");
  });
  afterAll(() => client.dispose());

  /** Largest difference of two pictures' values: float32 arithmetic in another order moves some of them by one. */
  const distance = (a: Uint8Array, b: Uint8Array) => a.reduce((far, v, i) => Math.max(far, Math.abs(v - b[i]!)), 0);
  const paint = async (input: GenerationInput) => {
    const { images, warnings } = await client.generate(input);
    expect(warnings).toEqual([]);
    const { data } = await images[0]!.pixels();
    expect(new Set(data).size).toBeGreaterThan(4);
    return data;
  };

  it.for(Object.entries(samplerNodes))("options of %s", async ([sampler, { node, options }], { skip }) => {
    skip(!info.has(node), `the server has no ${node}`);
    const whole = await paint({ ...request, sampler });
    const [name = "", value] = Object.entries(options)[0]!;
    expect(await paint({ ...request, sampler, samplerOptions: { [name]: value! } })).toEqual(whole);
    const other = "order" in options ? { order: 2 } : { eta: 0.3, s_noise: 0.9 };
    expect(await paint({ ...request, sampler, samplerOptions: other })).not.toEqual(whole);
  });

  it.for(Object.entries(schedulerNodes))("options of %s", async ([scheduler, { node, options }], { skip }) => {
    skip(!info.has(node), `the server has no ${node}`);
    const [name = "", value] = Object.entries(options).at(-1)!;
    const schedulerOptions = { [name]: value! };
    const edit = { ...request, scheduler, task: "image-to-image", image, strength: 0.6 } as const;
    const whole = await paint({ ...request, scheduler });
    expect(distance(await paint({ ...request, scheduler, schedulerOptions }), whole)).toBeLessThan(3);
    expect(distance(await paint({ ...edit, schedulerOptions }), await paint(edit))).toBeLessThan(3);
    const changed = { [name]: typeof value === "number" ? value + 0.1 : "SDXL" };
    expect(await paint({ ...request, scheduler, schedulerOptions: changed })).not.toEqual(whole);
  });

  it.for([
    { rescale: 0.7 },
    { pagScale: 3 },
    { mode: "apg", apgEta: 0.5, apgMomentum: -0.5 },
    { mode: "cfg-zero-star" },
  ] as const)("guidance %o", async (guidance) => {
    expect(await paint({ ...request, guidance })).not.toEqual(await paint(request));
  });

  it("guidance cfg++ with its samplers", async () => {
    const sampler = "euler_cfg_pp";
    const plus = await paint({ ...request, sampler, guidanceScale: 0.8, guidance: { mode: "cfg++" } });
    expect(plus).not.toEqual(await paint({ ...request, guidanceScale: 0.8 }));
  });

  it.for(["euler", "ddim", "heun", "exp_heun_2_x0"])(
    "guidance for a part of the steps, by %s",
    async (sampler, { skip }) => {
      skip(!info.choices("KSampler", "sampler_name").includes(sampler), `the server has no ${sampler}`);
      const guidance = { start: 0.25, end: 0.75 };
      const plain = await paint({ ...request, sampler, guidanceScale: 1 });
      expect(distance(await paint({ ...request, sampler, guidanceScale: 1, guidance }), plain)).toBeLessThan(3);
      const job = client.generate({ ...request, sampler, guidance, seed: 8 });
      const steps: number[] = [];
      for await (const event of job) if (event.type === "progress" && event.phase === "sample") steps.push(event.step);
      expect(steps).toEqual([1, 2, 3, 4]);
      const { data } = await (await job).images[0]!.pixels();
      expect(data).not.toEqual(plain);
      expect(data).not.toEqual(await paint({ ...request, sampler }));
      const edit = {
        ...request,
        sampler,
        guidance: { end: 0.5 },
        task: "image-to-image",
        image,
        strength: 0.5,
      } as const;
      expect(await paint(edit)).not.toEqual(await paint({ ...edit, guidance: { end: 1 } }));
    },
  );

  it("a part of the steps", async () => {
    const edit = { ...request, task: "image-to-image", image } as const;
    const whole = await paint({ ...edit, strength: 1 });
    expect(distance(await paint({ ...edit, startStep: 0 }), whole)).toBeLessThan(3);
    const late = await paint({ ...edit, startStep: 2 });
    expect(late).not.toEqual(whole);
    expect(await paint({ ...edit, startStep: 2, seed: 8 })).not.toEqual(late);
    const noisy = await paint({ ...request, endStep: 2 });
    expect(noisy).not.toEqual(await paint({ ...request, steps: 2 }));
    expect(noisy).not.toEqual(await paint(request));
  });

  it("sigmas of one's own", async ({ skip }) => {
    skip(!info.has("ManualSigmas"), "the server has no ManualSigmas");
    const sigmas = [14.6, 6, 2, 0.5, 0];
    const own = { prompt: "a red apple", seed: 7, ...size, sigmas } as const;
    expect(await paint(own)).not.toEqual(await paint({ ...own, sigmas: [14.6, 8, 3, 1, 0] }));
    expect(await paint({ ...own, task: "image-to-image", image, strength: 0.5 })).not.toEqual(await paint(own));
  });
});
