import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describeBackend } from "@latentkit/testing";
import { readSafetensors } from "./files/safetensors.ts";
import { local } from "./local.ts";
import { enginesIdle, enginesOf } from "./testing/test-engine.ts";
import { copyModel, fixtureModel } from "./testing/test-model.ts";

describeBackend("the local backend", async () => ({
  backend: local({ model: fixtureModel("sd1"), threads: 1 }),
  request: { prompt: "a red apple", steps: 2, seed: 3 },
  longRequest: { prompt: "a red apple", steps: 120, seed: 3 },
  unsupported: { request: { prompt: "a red apple", width: 100 }, field: "width" },
  failing: { prompt: "a red apple", steps: 2, model: await brokenModel() },
  workBegun: async () => (await enginesOf(process.pid)).length,
  isIdle: enginesIdle,
}));

/** A model whose weights give no numbers: what a damaged download may look like. */
async function brokenModel(): Promise<string> {
  const folder = await copyModel("f4");
  const file = join(folder, "unet", "diffusion_pytorch_model.safetensors");
  const { offset, length } = (await readSafetensors(file)).tensors.get("conv_out.bias")!;
  const bytes = await readFile(file);
  bytes.fill(0xff, offset, offset + length);
  await writeFile(file, bytes);
  return folder;
}
