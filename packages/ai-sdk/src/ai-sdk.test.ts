import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ProviderV4 } from "@ai-sdk/provider";
import { local } from "@latentkit/backend-local";
import { createClient, decodeImage, encodeImage, type InputRules, readRecipe } from "@latentkit/core";
import { memoryBackend } from "@latentkit/testing";
import { generateImage } from "ai";
import { generateImage as generateImage6 } from "ai6";
import { describe, expect, it, onTestFinished } from "vitest";
import { createLatentKit } from "./latentkit-provider.ts";
import { sizeOfRatio } from "./size-of-ratio.ts";

// The AI SDK writes each warning to the console.
globalThis.AI_SDK_LOG_WARNINGS = false;

/** What stands by a picture in the metadata. */
interface Own {
  index: number;
  seed: number;
  width: number;
  recipe: { request: Record<string, unknown> };
}
const owns = (metadata: unknown) => (metadata as { latentkit: { images: Own[] } }).latentkit.images;

describe("LatentKit as a provider for the AI SDK", () => {
  function over(memory = memoryBackend()) {
    const latentkit = createLatentKit({ backend: memory });
    onTestFinished(() => latentkit.dispose());
    return { latentkit, memory };
  }

  it("makes a batch in one call, each picture with its own seed and recipe", async () => {
    const { latentkit, memory } = over();
    const { images, providerMetadata, warnings } = await generateImage({
      model: latentkit.image(),
      prompt: "a",
      n: 5,
      seed: 7,
      size: "32x24",
      providerOptions: { latentkit: { steps: 3, negativePrompt: "b" } },
    });
    expect(memory.begun).toBe(1);
    expect(images).toHaveLength(5);
    expect(new Set(images.map(({ base64 }) => base64)).size).toBe(5);
    expect(warnings).toEqual([]);
    const own = owns(providerMetadata);
    expect(own.map(({ seed }) => seed)).toEqual([7, 8, 9, 10, 11]);
    expect(own[2]).toMatchObject({
      index: 2,
      width: 32,
      recipe: { request: { steps: 3, negativePrompt: "b", seed: 9 } },
    });
    const again = await latentkit.client.generate((await readRecipe(images[2]!.uint8Array)) as never);
    expect(Buffer.from(await again.images[0]!.bytes("png"))).toEqual(Buffer.from(images[2]!.uint8Array));
  });

  it("works with ai 6, by the specification's third version", async () => {
    const memory = memoryBackend();
    const latentkit = createLatentKit({ backend: memory, specificationVersion: "v3" });
    onTestFinished(() => latentkit.dispose());
    const { images, providerMetadata } = await generateImage6({ model: latentkit.image(), prompt: "a", n: 3, seed: 1 });
    expect(images).toHaveLength(3);
    expect(owns(providerMetadata).map(({ seed }) => seed)).toEqual([1, 2, 3]);
    const newer = createLatentKit({ backend: memory });
    await expect(generateImage6({ model: newer.image() as never, prompt: "a" })).rejects.toThrow(/version/i);
  });

  it("keeps what could be made where some fail, and says what is missing", async () => {
    const { latentkit } = over(memoryBackend({ fails: (_, index) => index === 1 }));
    const { images, calls, warnings } = await generateImage({ model: latentkit.image(), prompt: "a", n: 3, seed: 5 });
    expect(images).toHaveLength(2);
    expect(warnings).toEqual([{ type: "other", message: "Picture 1 failed." }]);
    expect(calls[0]!.providerMetadata).toMatchObject({ latentkit: { failures: [{ index: 1, seed: 6 }] } });
    await expect(
      generateImage({ model: over(memoryBackend({ fails: () => true })).latentkit.image(), prompt: "a" }),
    ).rejects.toMatchObject({ code: "generation" });
  });

  it("tells every step and preview, and stops when it is aborted", async () => {
    const memory = memoryBackend({ stepMs: 5 });
    const told: string[] = [];
    const latentkit = createLatentKit({ backend: memory, request: { previewEvery: 2 } });
    onTestFinished(() => latentkit.dispose());
    const model = latentkit.image("default", {
      onEvent: (event, { prompt }) => void told.push(`${prompt} ${event.type}`),
    });
    await generateImage({ model, prompt: "a" });
    expect(told).toEqual([
      "a queued",
      "a started",
      "a progress",
      "a progress",
      "a preview",
      "a progress",
      "a progress",
      "a preview",
      "a image",
      "a completed",
    ]);
    const controller = new AbortController();
    const watched = latentkit.image(undefined, {
      request: { steps: 500 },
      onEvent: ({ type }) => {
        if (type === "progress") controller.abort();
      },
    });
    await expect(generateImage({ model: watched, prompt: "a", abortSignal: controller.signal })).rejects.toThrow();
    expect(memory.running).toBe(0);
  });

  it("warns of what the backend cannot do, as the AI SDK does, or refuses it", async () => {
    const { latentkit, memory } = over();
    const picture = await encodeImage({ width: 8, height: 8, channels: 3, data: new Uint8Array(192) }, "png");
    const edit = { prompt: { text: "a", images: [picture] } };
    const { warnings, images } = await generateImage({ model: latentkit.image(), ...edit });
    expect(images).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ type: "unsupported", feature: "task" });
    const strict = createLatentKit({ backend: memory, onUnsupported: "error" });
    await expect(generateImage({ model: strict.image(), ...edit })).rejects.toMatchObject({ code: "unsupported" });
    expect(await latentkit.image().supportsFileInputs).toBe(false);
    const provider: ProviderV4 = latentkit;
    expect(provider.imageModel("default").modelId).toBe("default");
    expect(() => createLatentKit({})).toThrow(/client or a backend/);
    expect(() => latentkit.languageModel("x")).toThrow(/languageModel/);
  });

  it("reads a mask by its client's rules, once, and refuses options of the wrong shape", async () => {
    const picture = await encodeImage({ width: 8, height: 8, channels: 3, data: new Uint8Array(192) }, "png");
    let asked = 0;
    const server = createServer((_, reply) => {
      asked++;
      reply.end(picture);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mask.png`;
    const call = async (inputs: InputRules, about: object = {}) => {
      const client = createClient({ backend: memoryBackend(), inputs });
      onTestFinished(() => client.dispose());
      const model = createLatentKit({ client }).image();
      const file = { type: "file", data: picture, mediaType: "image/png" };
      return model.doGenerate({ prompt: "a", n: 1, files: [file], mask: { type: "url", url }, ...about } as never);
    };
    await expect(call({})).rejects.toMatchObject({ issues: [{ field: "mask" }] });
    const elsewhere = { allowPrivate: true, allowHosts: ["images.example.com"] };
    await expect(call(elsewhere)).rejects.toMatchObject({ issues: [{ field: "mask" }] });
    await expect(call({ allowPrivate: true, maxBytes: 10 })).rejects.toThrow(/at most 10/);
    const before = asked;
    expect((await call({ allowPrivate: true })).images).toHaveLength(1);
    expect(asked - before).toBe(1);
    const providerOptions = { latentkit: { conditioning: 7 } };
    await expect(call({ allowPrivate: true }, { providerOptions })).rejects.toMatchObject({
      issues: [{ field: "conditioning" }],
    });
  });

  it("turns an aspect ratio into a size that the model is used to", () => {
    const limits = { width: { min: 64, max: 2048, multipleOf: 8 }, height: { min: 64, max: 2048, multipleOf: 8 } };
    expect(sizeOfRatio("16:9", { limits, defaults: { width: 512, height: 512 } })).toEqual({ width: 680, height: 384 });
    expect(sizeOfRatio("1:1", { limits: {} })).toEqual({ width: 1024, height: 1024 });
    const sizes = [
      [1024, 1024],
      [1536, 1024],
      [1024, 1536],
    ] as const;
    expect(sizeOfRatio("16:9", { limits: {}, sizes })).toEqual({ width: 1536, height: 1024 });
    expect(() => sizeOfRatio("wide", { limits: {} })).toThrow(/aspectRatio/);
  });

  it("draws and edits with the embedded model: a mask of either convention", async () => {
    const client = createClient({ backend: local() });
    onTestFinished(() => client.dispose());
    const latentkit = createLatentKit({ client, request: { steps: 4 } });
    const model = latentkit.image();
    expect([await model.supportsFileInputs, await model.supportsMaskInputs]).toEqual([true, true]);
    const drawn = await generateImage({
      model,
      prompt: "a red apple on a blue background",
      seed: 7,
      aspectRatio: "1:1",
    });
    const { width, height } = (await client.generate((await readRecipe(drawn.image.uint8Array)) as never)).images[0]!
      .knownSize!;
    const half = (x: number) => (x < width / 2 ? 255 : 0);
    const white = Uint8Array.from({ length: width * height * 3 }, (_, i) => half(Math.floor(i / 3) % width));
    const clear = Uint8Array.from({ length: width * height * 4 }, (_, i) =>
      i % 4 === 3 ? 255 - half(Math.floor(i / 4) % width) : 90,
    );
    const masks = [
      await encodeImage({ width, height, channels: 3, data: white }, "png"),
      await encodeImage({ width, height, channels: 4, data: clear }, "png"),
    ];
    const edited = await Promise.all(
      masks.map(async (mask) => {
        const prompt = { text: "a yellow banana on a blue background", images: [drawn.image.uint8Array], mask };
        return (await generateImage({ model, prompt, seed: 3 })).image.base64;
      }),
    );
    expect(edited[0]).not.toBe(drawn.image.base64);
    const pixels = await Promise.all(
      edited.map(async (base64) => {
        return (await decodeImage(Buffer.from(base64, "base64"))).data;
      }),
    );
    expect(Buffer.compare(pixels[0]!, pixels[1]!)).toBe(0);
  });
});
