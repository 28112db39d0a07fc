import { local } from "@latentkit/backend-local";
import { createClient, decodeImage, encodeImage } from "@latentkit/core";
import OpenAI, { toFile } from "openai";
import { expect, it, onTestFinished } from "vitest";
import { serve } from "./serve.ts";

it("edits a picture with the embedded model through OpenAI's and A1111's dialects: only where the mask says", async () => {
  const client = createClient({ backend: local() });
  const server = await serve(client, { port: 0 });
  onTestFinished(async () => {
    await server.close(0);
    await client.dispose();
  });
  const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  const extras = { seed: 7, steps: 4 };
  const drawn = await openai.images.generate({ prompt: "a red apple on a blue background", ...extras } as never);
  const png = Buffer.from(drawn.data![0]!.b64_json!, "base64");
  const { width, height, data } = await decodeImage(png);
  const isLeft = (pixel: number) => pixel % width < width / 2;
  const clear = Uint8Array.from({ length: width * height * 4 }, (_, i) => (i % 4 === 3 && isLeft(i >> 2) ? 0 : 255));
  const mask = await encodeImage({ width, height, channels: 4, data: clear }, "png");
  const edited = await openai.images.edit({
    prompt: "a yellow banana on a blue background",
    image: await toFile(png, "apple.png", { type: "image/png" }),
    mask: await toFile(mask, "mask.png", { type: "image/png" }),
    ...extras,
  } as never);
  const differs = (other: Uint8Array, side: "left" | "right") =>
    other.some((value, i) => value !== data[i] && isLeft(Math.floor(i / 3)) === (side === "left"));
  const byOpenAi = await decodeImage(Buffer.from(edited.data![0]!.b64_json!, "base64"));
  expect([byOpenAi.width, byOpenAi.height]).toEqual([width, height]);
  expect([differs(byOpenAi.data, "left"), differs(byOpenAi.data, "right")]).toEqual([true, false]);
  const white = Uint8Array.from({ length: width * height * 3 }, (_, i) => (isLeft(Math.floor(i / 3)) ? 255 : 0));
  const answer = await fetch(`${server.url}/sdapi/v1/img2img`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      prompt: "a yellow banana on a blue background",
      init_images: [png.toString("base64")],
      mask: Buffer.from(await encodeImage({ width, height, channels: 3, data: white }, "png")).toString("base64"),
      denoising_strength: 1,
      mask_blur: 0,
      ...extras,
      width,
      height,
    }),
  });
  const { images } = (await answer.json()) as { images: string[] };
  const byA1111 = await decodeImage(Buffer.from(images[0]!, "base64"));
  expect([differs(byA1111.data, "left"), differs(byA1111.data, "right")]).toEqual([true, false]);
});
