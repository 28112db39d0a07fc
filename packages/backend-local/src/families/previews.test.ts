import { createClient, decodeImage } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../local.ts";
import type { LocalBackend } from "../local-backend.ts";
import { readModelFolder } from "../models/model-folder.ts";
import { fixture } from "../testing/test-model.ts";
import type { OpenModel } from "./family.ts";
import { qwenVae21Codec } from "./qwen-image-21/qwen-image-21-codec.ts";
import { qwenImage21Colours } from "./qwen-image-21/qwen-image-21-colours.ts";
import { fluxColours, type LatentColours, sd3Colours, wanColours, xlColours } from "./shared/latent-colours.ts";

let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1 });
});
afterAll(() => backend.dispose());

// That they look like the pictures only the published VAEs can show: those of the fixtures are random.
describe("a preview is a latent's colours, a pixel for each of its squares", () => {
  test.each<[string, LatentColours]>([
    ["flux1", fluxColours],
    ["z-image", fluxColours],
    ["chroma", fluxColours],
    ["lumina2", fluxColours],
    ["stable-diffusion-3", sd3Colours],
    ["qwen-image", wanColours],
    ["krea2", wanColours],
    ["pixart-sigma", xlColours],
    ["auraflow", xlColours],
  ])("%s", async (name, { factors, bias }) => {
    const asked = {
      prompt: "a red apple",
      width: 64,
      height: 48,
      steps: 2,
      seed: 1,
      model: fixture(`families/${name}`),
    };
    const previews: Uint8Array[] = [];
    for await (const event of createClient({ backend }).generate({ ...asked, previewEvery: 1 })) {
      if (event.type !== "preview") continue;
      const { width, height, data } = await decodeImage(await event.image.bytes("png"));
      expect([width, height]).toEqual([8, 6]);
      previews.push(data);
    }
    expect(previews).toHaveLength(1);
    expect((await readModelFolder(asked.model)).traits.latentChannels).toBe(factors.length);
    const start = bias.map((each) => Math.round((each + 1) * 127.5));
    expect([...previews[0]!.subarray(0, 3)]).not.toEqual(start);
  });
});

test("Qwen-Image 2.1's latents have colours too", async () => {
  const { factors, bias } = qwenImage21Colours;
  const latent = new Float32Array(64 * 2);
  // The fortieth square's second.
  latent[2 * 41 + 1] = 2;
  const { data, width, height } = await qwenVae21Codec.preview!(
    {} as OpenModel,
    latent,
    [64, 1, 2],
    new AbortController().signal,
  );
  expect([width, height]).toEqual([2, 1]);
  const colour = (value: number) => bias.map((each, c) => Math.round((each + value * factors[41]![c]! + 1) * 127.5));
  expect([...data]).toEqual([...colour(0), ...colour(2)]);
});
