import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Backend } from "../backend.ts";
import { createClient } from "../client.ts";
import { encodeImage } from "../image/codec.ts";
import { sha256 } from "../image/load-image-source.ts";
import type { GenerationRequest } from "../request/request.ts";
import { readRecipe } from "./png-recipe.ts";

const noise = (seed: number) => Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * seed * 7919) >> 5);
const photo = await encodeImage({ width: 64, height: 64, channels: 3, data: noise(1) }, "png");

function editor(): Backend & { requests: GenerationRequest[] } {
  const requests: GenerationRequest[] = [];
  return {
    requests,
    id: "editor",
    capabilities: async () => ({
      backend: "editor",
      tasks: ["image-to-image"],
      features: ["strength", "seed", "latent"],
      conditioning: ["image-prompt"],
      samplers: "any",
      schedulers: "any",
      outputFormats: ["png"],
      limits: {},
      resume: false,
    }),
    async *generate(request) {
      requests.push(request);
      yield { type: "queued", handle: { id: 1 } };
      const base64 = Buffer.from(noise(Number(request.seed))).toString("base64");
      yield { type: "image", index: 0, image: { kind: "pixels", width: 64, height: 64, channels: 3, base64 } };
      yield { type: "completed" };
    },
    dispose: async () => {},
  };
}
const edit = { task: "image-to-image", prompt: "a", seed: 2, width: 64, height: 64 } as const;

describe("inputs that are given as bytes", () => {
  it("stand in the recipe by hash and size, so that seven edits are one picture and not eight", async () => {
    const client = createClient({ backend: editor() });
    let picture: Uint8Array = photo;
    const sizes: number[] = [];
    for (let seed = 2; seed < 9; seed++) {
      const { images } = await client.generate({ ...edit, image: picture, seed });
      const recipe = await readRecipe(await images[0]!.bytes("png"));
      expect(recipe.request).toMatchObject({ image: { sha256: sha256(picture), size: picture.length } });
      expect(recipe.request).not.toHaveProperty("image.base64");
      picture = await images[0]!.bytes("png");
      sizes.push(picture.length);
    }
    const bare = await client.generate({ ...edit, image: photo, seed: 8, output: { embedRecipe: false } });
    expect(sizes.at(-1)).toBeLessThan((await bare.images[0]!.bytes()).length + 2000);
  });

  it("are kept where that is asked for, and the recipe then runs as it is", async () => {
    const backend = editor();
    const client = createClient({ backend });
    const { recipe } = await client.generate({ ...edit, image: photo, output: { embedInputs: true } });
    expect(recipe.request).toMatchObject({ image: { base64: Buffer.from(photo).toString("base64") } });
    expect((await client.generate(recipe)).recipe).toEqual(recipe);
  });

  it("of every field: latent, image prompts, data URLs", async () => {
    const client = createClient({ backend: editor() });
    const url = `data:image/png;base64,${Buffer.from(photo).toString("base64")}`;
    const { recipe } = await client.generate({
      task: "image-to-image",
      prompt: "a",
      latent: { data: [1, 2, 3, 4], shape: [1, 2, 2] },
      conditioning: [{ kind: "image-prompt", image: url }],
    });
    expect(JSON.stringify(recipe)).not.toContain("base64");
    expect(recipe.request.conditioning[0]).toMatchObject({ image: { sha256: sha256(photo), size: photo.length } });
  });

  it("are asked for by name where a recipe lacks them, and found among files by their hash", async () => {
    const backend = editor();
    const client = createClient({ backend });
    const { recipe } = await client.generate({ ...edit, image: photo });
    const error = await client.generate(recipe).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "invalid_request", issues: [{ field: "image" }] });
    expect(String(error)).toMatch(
      new RegExp(`${photo.length} bytes, SHA-256 ${sha256(photo).slice(0, 12)}.*embedInputs`),
    );
    expect(backend.requests).toHaveLength(1);
    const other = await encodeImage({ width: 64, height: 64, channels: 3, data: noise(3) }, "png");
    await expect(client.generate(recipe, { inputs: [other] })).rejects.toMatchObject({ code: "invalid_request" });
    const folder = await mkdtemp(join(tmpdir(), "latentkit-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "photo.png"), photo);
    const again = await client.generate(recipe, { inputs: [other, join(folder, "photo.png")] });
    expect(again.recipe.request).toMatchObject({ image: { path: join(folder, "photo.png"), sha256: sha256(photo) } });
    expect((await client.generate(recipe, { inputs: [photo] })).recipe).toEqual(recipe);
    await expect(client.generate(recipe, { inputs: ["/no/such.png"] })).rejects.toMatchObject({
      issues: [{ field: "inputs[0]" }],
    });
  });

  it("are whole in a job's handle", async () => {
    const job = createClient({ backend: editor() }).generate({ ...edit, image: photo });
    await job;
    expect(job.handle?.request).toMatchObject({ image: { base64: Buffer.from(photo).toString("base64") } });
  });
});
