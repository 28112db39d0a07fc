import { open } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@latentkit/core";
import { expect, test } from "vitest";
import { readSafetensors } from "../files/safetensors.ts";
import { local } from "../local.ts";
import { copyModel } from "../testing/test-model.ts";

/** A copy of a model with one number of one tensor (F16) replaced. */
async function damaged(part: string, tensor: string, bits: number): Promise<string> {
  const folder = await copyModel("sd1");
  const path = join(folder, part);
  const { offset, dtype } = (await readSafetensors(path)).tensors.get(tensor)!;
  expect(dtype).toBe("F16");
  const file = await open(path, "r+");
  await file.write(Uint8Array.of(bits & 255, bits >> 8), 0, 2, offset);
  await file.close();
  return folder;
}

const vae = "vae/diffusion_pytorch_model.safetensors";
const unet = "unet/diffusion_pytorch_model.safetensors";

test.each([
  ["NaN", vae, "decoder.conv_out.bias", 0x7e00, /VAE decoder gave values that are no numbers/],
  ["infinity", vae, "decoder.conv_out.bias", 0xfc00, /VAE decoder gave values that are infinite/],
  ["NaN", unet, "conv_out.bias", 0x7e00, /denoising network gave values that are no numbers/],
  ["infinity", unet, "conv_out.bias", 0x7c00, /denoising network gave values that are (infinite|no numbers)/],
])("%s from %s fails the image", async (_, part, tensor, bits, message) => {
  const backend = local({ model: await damaged(part, tensor, bits), threads: 1 });
  const job = createClient({ backend }).generate({ prompt: "a", steps: 2, seed: 1 });
  await expect(job).rejects.toMatchObject({ code: "generation", message: expect.stringMatching(message) });
  await backend.dispose();
});
