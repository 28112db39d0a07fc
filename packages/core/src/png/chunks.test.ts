import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ImageError } from "../errors/image-error.ts";
import { decodeImage, encodeImage } from "../image/codec.ts";
import { readPngText, writePngText } from "./chunks.ts";

const pixels = { width: 2, height: 1, channels: 3 as const, data: Uint8Array.of(1, 2, 3, 250, 251, 252) };

describe("PNG text", () => {
  it("round-trips Latin-1 and other text, and leaves the pixels as they were", async () => {
    const texts = { plain: "café", wide: "写真 🍎\nsecond line" };
    const png = writePngText(await encodeImage(pixels, "png"), texts);
    expect(Object.fromEntries(readPngText(png))).toEqual(texts);
    expect(await decodeImage(png)).toMatchObject({ ...pixels, data: Buffer.from(pixels.data) });
  });

  it("replaces a text of the same keyword and keeps others", async () => {
    const first = writePngText(await encodeImage(pixels, "png"), { workflow: "kept", latentkit: "old" });
    expect(Object.fromEntries(readPngText(writePngText(first, { latentkit: "new" })))).toEqual({
      workflow: "kept",
      latentkit: "new",
    });
  });

  it("reads compressed text, and leaves a bomb unread", async () => {
    const png = Buffer.from(writePngText(await encodeImage(pixels, "png"), { a: "b" }));
    const withChunk = (data: Buffer) =>
      Buffer.concat([
        png.subarray(0, 33),
        Buffer.from([0, 0, data.length >> 8, data.length & 255]),
        Buffer.from("zTXt"),
        data,
        Buffer.alloc(4),
        png.subarray(33),
      ]);
    expect(readPngText(withChunk(Buffer.concat([Buffer.from("k\0\0"), deflateSync("packed")]))).get("k")).toBe(
      "packed",
    );
    const bomb = deflateSync(Buffer.alloc(20 * 2 ** 20));
    expect(readPngText(withChunk(Buffer.concat([Buffer.from("k\0\0"), bomb]))).has("k")).toBe(false);
  });

  it.each([
    ["another file", Buffer.from("GIF89a, not a PNG")],
    ["an empty file", Buffer.alloc(0)],
    ["a length past the end", Buffer.from("89504e470d0a1a0affffffff49484452", "hex")],
  ])("refuses %s", (_name, bytes) => {
    expect(() => readPngText(bytes)).toThrow(ImageError);
  });
});
