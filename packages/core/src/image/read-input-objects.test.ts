import { describe, expect, it } from "vitest";
import type { Backend } from "../backend.ts";
import { createClient } from "../client.ts";
import type { GenerationEvent } from "../events.ts";
import { parseRequest } from "../request/parse-request.ts";
import type { GenerationRequest } from "../request/request.ts";
import { decodeImage, encodeImage } from "./codec.ts";
import { readInputObjects } from "./read-input-objects.ts";

const pixels = { width: 8, height: 8, channels: 3 as const, data: Uint8Array.from({ length: 192 }, (_, i) => i) };

/** A client whose backend keeps the requests that reach it, and gives their picture back. */
function recording() {
  const requests: GenerationRequest[] = [];
  const backend = {
    id: "fake",
    capabilities: async () => ({
      backend: "fake",
      tasks: ["text-to-image", "image-to-image"],
      features: ["seed", "strength"],
      conditioning: ["image-prompt"],
      samplers: [],
      schedulers: [],
      outputFormats: ["png"],
      limits: {},
      resume: false,
    }),
    async *generate(request: GenerationRequest): AsyncGenerator<GenerationEvent> {
      requests.push(request);
      const data = Buffer.from(pixels.data).toString("base64");
      yield { type: "started" };
      yield { type: "image", index: 0, image: { kind: "pixels", width: 8, height: 8, channels: 3, base64: data } };
      yield { type: "completed" };
    },
    dispose: async () => {},
  } as unknown as Backend;
  return { client: createClient({ backend }), requests };
}

const bytesOf = (request: GenerationRequest | undefined) =>
  Buffer.from(((request as { image?: { base64: string } }).image ?? { base64: "" }).base64, "base64");

describe("input pictures", () => {
  it("may be a Blob, a File, an ArrayBuffer or a Uint8Array", async () => {
    const file = await encodeImage(pixels, "png");
    const { client, requests } = recording();
    const inputs = [new Blob([file]), new File([file], "a.png"), file.buffer.slice(0, file.byteLength), file];
    for (const image of inputs) await client.generate({ prompt: "a", task: "image-to-image", image });
    expect(requests.map((request) => bytesOf(request).equals(file))).toEqual([true, true, true, true]);
  });

  it("may be a generated picture, which goes in without its recipe, and an event's", async () => {
    const { client, requests } = recording();
    const { images } = await client.generate({ prompt: "the first prompt", seed: 1 });
    await client.generate({ prompt: "b", task: "image-to-image", image: images[0]! });
    expect(bytesOf(requests[1]).includes("the first prompt")).toBe(false);
    expect((await decodeImage(bytesOf(requests[1]))).data).toEqual(Buffer.from(pixels.data));
    for await (const event of client.generate({ prompt: "c" })) {
      if (event.type === "image") await client.generate({ prompt: "d", task: "image-to-image", image: event.image });
    }
    expect(bytesOf(requests[3]).equals(bytesOf(requests[1]))).toBe(true);
    const conditioning = [{ kind: "image-prompt" as const, image: new Blob([await images[0]!.bytes()]) }];
    await client.generate({ prompt: "e", conditioning });
    expect(requests[4]?.conditioning[0]).toMatchObject({ image: { base64: expect.stringMatching(/^iVBOR/) } });
  });

  it("says which one cannot be read, and that an object is to be read before parseRequest", async () => {
    const broken = Object.assign(new Blob(["a"]), { arrayBuffer: () => Promise.reject(new Error("the file is gone")) });
    await expect(readInputObjects({ mask: broken })).rejects.toThrow(/mask: cannot be read: the file is gone/);
    expect(() => parseRequest({ prompt: "a", task: "image-to-image", image: new Blob(["a"]) })).toThrow(
      /image: is an object whose bytes must be read first/,
    );
    expect(() => parseRequest({ prompt: "a", task: "image-to-image", image: new ArrayBuffer(0) })).toThrow(/no bytes/);
  });

  it("fits the platform: a picture is a Response, a Blob and its bytes' body", async () => {
    const { client } = recording();
    const { images, timings } = await client.generate({ prompt: "a", seed: 1 });
    const [image] = images as [(typeof images)[0]];
    const body = await new Response(await image.bytes()).bytes();
    const response = await image.toResponse({ format: "jpeg", filename: 'a "red" äpple.jpg', headers: { "x-a": "b" } });
    expect(response.headers.get("content-type")).toBe("image/jpeg");
    expect(response.headers.get("x-a")).toBe("b");
    expect(response.headers.get("content-disposition")).toBe(
      `inline; filename="a _red_ _pple.jpg"; filename*=UTF-8''a%20%22red%22%20%C3%A4pple.jpg`,
    );
    const sent = await response.bytes();
    expect(Number(response.headers.get("content-length"))).toBe(sent.length);
    expect(Buffer.from(sent).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
    expect(Buffer.from(await (await image.blob()).arrayBuffer()).equals(Buffer.from(body))).toBe(true);
    expect(Buffer.from(body).includes("latentkit")).toBe(true);
    expect(Buffer.from(await image.bytes("png", { embedRecipe: false })).includes("latentkit")).toBe(false);
    expect(Object.keys(timings).sort()).toEqual(
      ["decodeMs", "downloadMs", "encodeMs", "loadMs", "queueMs", "sampleMs", "totalMs", "uploadMs"].sort(),
    );
    expect(timings.queueMs).toBeLessThanOrEqual(timings.totalMs);
  });
});
