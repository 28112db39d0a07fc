import { encodeImage } from "@latentkit/core";
import { expect, it } from "vitest";
import { load } from "./load-images.ts";

/** Orientation 6: the camera was held upright, the picture lies on its side. */
const exif = Buffer.from("ffe100224578696600004d4d002a000000080001011200030000000100060000000000000000", "hex");

const { signal } = new AbortController();
const file = (bytes: Uint8Array) => ({ base64: Buffer.from(bytes).toString("base64") });

it("names a picture by its content", async () => {
  const png = await encodeImage({ width: 20, height: 10, channels: 3, data: new Uint8Array(600) }, "png");
  const image = await load("image", file(png), 1e6, signal);
  expect(image).toMatchObject({ field: "image", mediaType: "image/png", width: 20, height: 10 });
  expect(image.name).toMatch(/^latentkit\/[\da-f]{32}\.png$/);
  expect((await load("mask", file(png), 1e6, signal)).name).toBe(image.name);
});

it("takes a camera's picture as the server will see it: upright", async () => {
  const jpeg = await encodeImage({ width: 20, height: 10, channels: 3, data: new Uint8Array(600) }, "jpeg");
  const turned = Buffer.concat([jpeg.subarray(0, 2), exif, jpeg.subarray(2)]);
  expect(await load("image", file(jpeg), 1e6, signal)).toMatchObject({ width: 20, height: 10 });
  expect(await load("image", file(turned), 1e6, signal)).toMatchObject({ width: 10, height: 20 });
});
