import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { folderWeights } from "../files/weights.ts";
import { buildVaeDecoder } from "./autoencoder-kl/autoencoder-kl.ts";

const fixture = fileURLToPath(new URL("../../fixtures/networks/vae-f8/", import.meta.url));
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "latentkit modèle "));
});
afterEach(async () => {
  await chmod(join(root), 0o755);
  await rm(root, { recursive: true, force: true });
});

async function decode(folder: string): Promise<readonly number[]> {
  const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
  const { model, sessionOptions } = buildVaeDecoder(config, await folderWeights(folder));
  const session = await InferenceSession.create(model, sessionOptions);
  const { sample } = await session.run({
    latent_sample: new Tensor("float32", new Float32Array(4 * 6).fill(0.5), [1, 4, 2, 3]),
  });
  expect(sample!.dims).toEqual([1, 3, 16, 24]);
  return [...(sample!.data as Float32Array)];
}

describe("weights are used where they lie", () => {
  test("through the relative symbolic links of a Hugging Face cache", async () => {
    const [blobs, snapshot] = [join(root, "blobs"), join(root, "snapshots", "0123abcd", "vae")];
    await mkdir(blobs);
    await mkdir(snapshot, { recursive: true });
    for (const [name, blob] of [
      ["config.json", "a1"],
      ["diffusion_pytorch_model.safetensors", "b2"],
    ] as const) {
      await cp(join(fixture, name), join(blobs, blob));
      await symlink(join("..", "..", "..", "blobs", blob), join(snapshot, name));
    }
    expect(await decode(snapshot)).toEqual(await decode(fixture));
  });

  test("in a folder that may not be written", async () => {
    await cp(fixture, join(root, "vae"), { recursive: true });
    await chmod(join(root, "vae"), 0o555);
    expect(await decode(join(root, "vae"))).toEqual(await decode(fixture));
    await chmod(join(root, "vae"), 0o755);
  });
});
