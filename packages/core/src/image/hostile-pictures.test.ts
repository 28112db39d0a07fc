import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { decodeImage, encodeImage, probeImage } from "./codec.ts";
import { readImageHeader } from "./image-header.ts";

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const bytes = Buffer.alloc(body.length + 8);
  bytes.writeUInt32BE(data.length);
  body.copy(bytes, 4);
  bytes.writeUInt32BE(crc32(body), body.length + 4);
  return bytes;
}

/** A PNG whose header says so, with chunks of the test's own after it. */
function pngOf(width: number, height: number, ...more: Buffer[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from("89504e470d0a1a0a", "hex");
  return Buffer.concat([signature, chunk("IHDR", header), ...more, chunk("IEND", Buffer.alloc(0))]);
}

const gray = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: "#888" } });

describe("a picture's header", () => {
  it.each(["png", "jpeg", "webp", "gif", "avif", "tiff"] as const)("tells the size of %s", async (kind) => {
    const file = await gray(37, 21).toFormat(kind).toBuffer();
    expect(readImageHeader(file)).toEqual({ kind, width: 37, height: 21 });
    expect(await probeImage(file)).toEqual({ width: 37, height: 21, mediaType: `image/${kind}` });
    const { data, ...shape } = await decodeImage(file);
    expect(shape).toMatchObject({ width: 37, height: 21 });
    for (let cut = 0; cut < file.length; cut += 7) readImageHeader(file.subarray(0, cut));
  });

  it.each([{ lossless: true }, { quality: 50 }])("tells the size of WebP (%o)", async (options) => {
    expect(readImageHeader(await gray(300, 7).webp(options).toBuffer())).toMatchObject({ width: 300, height: 7 });
    const alpha = await sharp({ create: { width: 9, height: 300, channels: 4, background: "#8888" } })
      .webp(options)
      .toBuffer();
    expect(readImageHeader(alpha)).toMatchObject({ width: 9, height: 300 });
  });

  it("refuses too many pixels and too long sides by the header alone, naming field and kind", async () => {
    await expect(decodeImage(pngOf(10_000, 10_000), "mask")).rejects.toMatchObject({
      code: "image",
      message: expect.stringMatching(/^mask: the PNG file is 10000×10000, 100 megapixels; at most 64 .*maxInputPixels/),
      details: { field: "mask", kind: "png", width: 10_000, maxPixels: 64_000_000 },
    });
    await expect(decodeImage(pngOf(100_000_000, 1))).rejects.toThrow(/each side may be up to 32768/);
    await expect(decodeImage(pngOf(0, 1))).rejects.toThrow(/header is damaged/);
    await expect(decodeImage(await gray(64, 64).png().toBuffer(), "image", { maxPixels: 4095 })).rejects.toThrow(
      /0 megapixels|megapixels/,
    );
  });
});

describe("what is no picture", () => {
  it.each([
    ["<svg xmlns='http://www.w3.org/2000/svg'/>", /an SVG file; .*rasterise it first/],
    ["\ufeff<?xml version='1.0'?><!-- a --><svg/>", /an SVG file/],
    ["%PDF-1.7", /a PDF file; it must be a PNG, JPEG, WebP, GIF, AVIF or TIFF file/],
    ["version https://git-lfs.github.com/spec/v1", /a Git LFS pointer/],
    ["<!doctype html><html>", /an HTML page/],
    ["hello", /not an image file/],
    ["", /an empty file/],
  ])("%j is refused by its kind", async (text, message) => {
    await expect(decodeImage(Buffer.from(text), "image")).rejects.toThrow(message);
  });

  it("does not reach a decoder behind another kind's signature", async () => {
    const svg = Buffer.from("\xff\xd8\xff<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "latin1");
    await expect(decodeImage(svg)).rejects.toMatchObject({ code: "image" });
  });
});

describe("a picture that means harm", () => {
  const image = deflateSync(Buffer.alloc((64 * 3 + 1) * 64));

  it("has its texts left out before it is decoded", async () => {
    const bomb = deflateSync(Buffer.alloc(64 * 2 ** 20));
    const text = chunk("zTXt", Buffer.concat([Buffer.from("a\0\0"), bomb]));
    const file = pngOf(64, 64, ...Array.from({ length: 8 }, () => text), chunk("IDAT", image));
    const before = process.memoryUsage.rss();
    expect((await decodeImage(file)).data.length).toBe(64 * 64 * 3);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20);
  });

  it("is refused for a colour profile that inflates without end, and for more chunks than a file has", async () => {
    const bomb = Buffer.concat([Buffer.from("a\0\0"), deflateSync(Buffer.alloc(64 * 2 ** 20))]);
    await expect(decodeImage(pngOf(64, 64, chunk("iCCP", bomb), chunk("IDAT", image)))).rejects.toThrow(
      /colour profile/,
    );
    const many = Buffer.concat(Array.from({ length: 200_100 }, () => chunk("IDAT", Buffer.alloc(0))));
    await expect(decodeImage(pngOf(64, 64, many))).rejects.toThrow(/more than 200000 chunks/);
  });

  it("is given up at its deadline, and at an abort, and the next one is decoded", async () => {
    const large = await gray(7000, 7000).png().toBuffer();
    await expect(decodeImage(large, "image", { timeoutMs: 1 })).rejects.toMatchObject({ code: "timeout" });
    await expect(decodeImage(large, "image", { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
    const small = await encodeImage({ width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }, "png");
    expect([...(await decodeImage(small)).data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("is resized where it is decoded", async () => {
    const sizes: unknown[] = [];
    const pixels = await decodeImage(await gray(64, 32).png().toBuffer(), "image", {
      size: (own) => {
        sizes.push(own);
        return { width: 16, height: 8 };
      },
    });
    expect(sizes).toEqual([{ width: 64, height: 32 }]);
    expect(pixels).toMatchObject({ width: 16, height: 8, channels: 3 });
    expect(pixels.data.length).toBe(16 * 8 * 3);
  });
});
