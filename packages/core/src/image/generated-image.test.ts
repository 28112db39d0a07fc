import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { Backend } from "../backend.ts";
import type { ImagePayload } from "../image-payload.ts";
import { isPng } from "../png/chunks.ts";
import { readRecipe } from "../recipe/png-recipe.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { parseRequest } from "../request/parse-request.ts";
import { decodeImage, encodeImage } from "./codec.ts";
import { GeneratedImage } from "./generated-image.ts";

const data = Uint8Array.from({ length: 4 * 2 * 3 }, (_, i) => i * 10);
const pixels: ImagePayload = {
  kind: "pixels",
  width: 4,
  height: 2,
  channels: 3,
  base64: Buffer.from(data).toString("base64"),
};
const recipe = (fields = {}): Recipe => ({
  latentkit: "recipe",
  version: 1,
  backend: "test",
  request: parseRequest({ prompt: "a", ...fields }),
  versions: {},
});
const image = (payload: ImagePayload, fields = {}, backend?: Partial<Backend>) =>
  new GeneratedImage({
    index: 0,
    seed: 1,
    recipe: recipe(fields),
    payload,
    ...(backend ? { backend: backend as Backend } : {}),
  });

describe("GeneratedImage", () => {
  it("gives pixels and files, a PNG with the recipe inside", async () => {
    const made = image(pixels);
    expect(await made.pixels()).toEqual({ width: 4, height: 2, channels: 3, data: Buffer.from(data) });
    const png = await made.bytes();
    expect((await decodeImage(png)).data).toEqual(Buffer.from(data));
    expect(await readRecipe(png)).toEqual(recipe());
    expect(made.mediaType).toBe("image/png");
    expect(await made.dataUrl()).toMatch(/^data:image\/png;base64,iVBOR/);
    expect(await made.size()).toEqual({ width: 4, height: 2 });
  });

  it("gives files whose memory is theirs alone: their buffer is the file, an input as it stands", async () => {
    const made = image(pixels);
    for (const file of [await made.bytes(), await made.bytes("jpeg"), await made.bytes("png", { embedRecipe: false })])
      expect(file.buffer.byteLength).toBe(file.byteLength);
    expect((await decodeImage(new Uint8Array((await made.bytes()).buffer))).width).toBe(4);
    const jpeg = await encodeImage({ width: 4, height: 2, channels: 3, data }, "jpeg");
    const encoded = image({ kind: "encoded", mediaType: "image/jpeg", base64: Buffer.from(jpeg).toString("base64") });
    expect((await encoded.bytes("jpeg")).buffer.byteLength).toBe(jpeg.byteLength);
  });

  it("leaves the recipe out when asked", async () => {
    const png = await image(pixels, { output: { embedRecipe: false } }).bytes();
    await expect(readRecipe(png)).rejects.toMatchObject({ code: "recipe" });
  });

  it("saves by extension, making folders, and refuses what it cannot write", async () => {
    const folder = await mkdtemp(join(tmpdir(), "latentkit-"));
    const path = join(folder, "deep", "näme.PNG");
    expect(await image(pixels).save(path)).toBe(path);
    expect(isPng(await readFile(path))).toBe(true);
    await image(pixels).save(join(folder, "a.jpg"));
    expect((await readFile(join(folder, "a.jpg"))).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
    await expect(image(pixels).save("picture.bmp")).rejects.toThrow(/use .png/);
    await expect(image(pixels).save(join(path, "inside-a-file.png"))).rejects.toMatchObject({ code: "image" });
    await rm(folder, { recursive: true });
  });

  it("passes an encoded file through untouched where the format fits", async () => {
    const jpeg = await encodeImage({ width: 4, height: 2, channels: 3, data }, "jpeg", 80);
    const made = image(
      { kind: "encoded", mediaType: "image/jpeg", base64: Buffer.from(jpeg).toString("base64") },
      { output: { format: "jpeg" } },
    );
    expect(Buffer.compare(await made.bytes(), jpeg)).toBe(0);
    expect(isPng(await made.bytes("png"))).toBe(true);
  });

  it("fetches a remote image only when asked, once, and again after a failure", async () => {
    const png = await encodeImage({ width: 4, height: 2, channels: 3, data }, "png");
    const fetchImage = vi.fn().mockRejectedValueOnce(new Error("gone")).mockResolvedValue(png);
    const made = image({ kind: "url", url: "https://x.test/a.png" }, {}, { fetchImage });
    expect(made.url).toBe("https://x.test/a.png");
    expect(fetchImage).not.toHaveBeenCalled();
    await expect(made.pixels()).rejects.toThrow("gone");
    expect((await made.pixels()).data).toEqual(Buffer.from(data));
    await made.bytes();
    expect(fetchImage).toHaveBeenCalledTimes(2);
  });
});
