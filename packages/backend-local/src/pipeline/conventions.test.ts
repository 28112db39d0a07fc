import { createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { fromDiffusers } from "@latentkit/core/diffusion";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { fixtureModel } from "../testing/test-model.ts";
import { planOf } from "./choose-plan.ts";

// Whose habits a request's random numbers follow, through the engine.
let backend: LocalBackend;
beforeAll(() => {
  backend = local({ model: fixtureModel("sd1"), threads: 1 });
});
afterAll(() => backend.dispose());

const generate = (request: object) => createClient({ backend }).generate(request as GenerationInput);
const pixels = async (request: object) => (await (await generate(request)).images[0]!.pixels()).data;
const request = { prompt: "a red apple", steps: 3, seed: 5, width: 32, height: 32 };

describe("A1111's convention", () => {
  const noise = { convention: "a1111", subseed: 100, subseedStrength: 0.4 };

  test("counts the variation seed up over several pictures, and each picture's recipe makes it again", async () => {
    const { images } = await generate({ ...request, noise, count: 2 });
    const { data } = await images[1]!.pixels();
    expect(images[1]!.seed).toBe(5);
    expect(images[1]!.recipe.request.noise).toMatchObject({ convention: "a1111", subseed: 101, subseedStrength: 0.4 });
    expect(data).toEqual(await pixels({ ...request, noise: { ...noise, subseed: 101 } }));
    expect(data).toEqual(await pixels(images[1]!.recipe));
    expect(data).not.toEqual(await pixels({ ...request, noise, seed: 6 }));
  });

  test("begins an image-to-image's noise with the generator's first draw", async () => {
    const flat = { width: 32, height: 32, channels: 3 as const, data: new Uint8Array(32 * 32 * 3).fill(120) };
    const image = await encodeImage(flat, "png");
    const from = { ...request, task: "image-to-image", image };
    const [diffusers, comfyui, a1111] = await Promise.all(
      ["diffusers", "comfyui", "a1111"].map((convention) => pixels({ ...from, noise: { convention } })),
    );
    // Both take the middle of the picture's distribution, and draw nothing for it.
    expect(a1111).toEqual(comfyui);
    expect(a1111).not.toEqual(diffusers);
  });

  test("takes sizes in pixels for the seed's resizing", async () => {
    const resized = await pixels({ ...request, noise: { convention: "a1111", resizeFrom: { width: 16, height: 16 } } });
    const whole = { convention: "a1111", resizeFrom: { width: 32, height: 32 } };
    expect(resized).not.toEqual(await pixels(request));
    expect(await pixels({ ...request, noise: whole })).toEqual(
      await pixels({ ...request, noise: { convention: "a1111" } }),
    );
  });

  test("takes an ENSD below 0, which only the steps' noise follows", async () => {
    const ancestral = { ...request, sampler: "euler_ancestral", scheduler: "karras" };
    const below = { convention: "a1111", ensd: -3 };
    expect(await pixels({ ...ancestral, noise: below })).not.toEqual(
      await pixels({ ...ancestral, noise: { convention: "a1111" } }),
    );
  });

  test("begins with noise as wide as the first level; ComfyUI's a little wider, by the picture's own", () => {
    const own = fromDiffusers({ _class_name: "DDIMScheduler" });
    const width = (convention: "a1111" | "comfyui") => {
      const choice = { sampler: "euler", scheduler: "karras", noise: { convention } } as GenerationInput;
      const grid = planOf(choice as Parameters<typeof planOf>[0], own).grid({ steps: 5 });
      return [grid.initNoiseSigma, grid.sigmas[0]!] as const;
    };
    const [a1111, level] = width("a1111");
    expect(a1111).toBe(level);
    expect(width("comfyui")[0]).toBe(Math.hypot(1, level));
  });

  test("tells the network the timesteps between the trained ones; ComfyUI's the nearest", () => {
    const own = fromDiffusers({ _class_name: "DDIMScheduler" });
    const timesteps = (convention: "a1111" | "comfyui") => {
      const choice = { sampler: "euler", scheduler: "karras", noise: { convention } } as GenerationInput;
      return Array.from(planOf(choice as Parameters<typeof planOf>[0], own).grid({ steps: 5 }).timesteps);
    };
    expect(timesteps("comfyui").every(Number.isInteger)).toBe(true);
    expect(timesteps("a1111").every(Number.isInteger)).toBe(false);
    expect(timesteps("a1111").map(Math.round)).toEqual(timesteps("comfyui"));
  });
});
