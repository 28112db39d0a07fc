import { createClient, type GenerationInput } from "@latentkit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { local } from "../../local.ts";
import type { LocalBackend } from "../../local-backend.ts";
import { difference } from "../../testing/single-file.ts";
import { fixture, recordedTensor } from "../../testing/test-model.ts";

// The same LoRA in diffusers' naming and in that of other programs, against diffusers' picture: tools/oracle/flow_loras.py.
let backend: LocalBackend;
beforeAll(() => {
  backend = local({ threads: 1, loraFolder: fixture("loras/flow") });
});
afterAll(() => backend.dispose());

describe.each([
  ["flux1", 3.5],
  ["z-image", 0],
  ["stable-diffusion-3", 3],
  ["krea2", 0],
  ["pixart-sigma", 3],
  ["lumina2", 1],
  ["auraflow", 1],
  ["sana", 1],
  ["chroma", 1],
  ["flux3", undefined],
] as const)("%s", (model, guidanceScale) => {
  const request = {
    ...{
      prompt: "a red apple on a blue background",
      width: 64,
      height: 64,
      steps: 4,
      seed: 7,
      ...(guidanceScale !== undefined && { guidanceScale }),
    },
    model: fixture(`families/${model}`),
  } satisfies GenerationInput;
  const draw = async (loras: GenerationInput["loras"]) => {
    const { images } = await createClient({ backend }).generate({ ...request, loras } as GenerationInput);
    return (await images[0]!.pixels()).data;
  };

  test.each(["diffusers", "other"])("in %s naming makes diffusers' picture", async (naming) => {
    const drawn = await draw([{ model: `${model}-${naming}` }]);
    const { mean, max } = difference(drawn, await recordedTensor(fixture("loras/flow/pictures.safetensors"), model));
    expect(mean).toBeLessThan(0.5);
    expect(max).toBeLessThanOrEqual(8);
    expect(difference(drawn, await draw([])).mean, "it does something").toBeGreaterThan(1);
  });

  test("of another family fits nothing", async () => {
    const other = model === "z-image" ? "flux1" : "z-image";
    await expect(draw([{ model: `${other}-other` }])).rejects.toThrow(/loras\[0\]\.model.*fits nothing in the model/);
  });
});
