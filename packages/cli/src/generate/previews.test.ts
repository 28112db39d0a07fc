import { type Client, createClient, encodeImage, type GenerationInput } from "@latentkit/core";
import { memoryBackend } from "@latentkit/testing";
import { expect, it } from "vitest";
import { makeTerminal } from "../testing/terminal.ts";
import { previewPixels, withPreviews } from "./previews.ts";

const { signal } = new AbortController();
const { stream: terminal } = makeTerminal();
const pipe = Object.assign(Object.create(terminal), { isTTY: false }) as NodeJS.WriteStream;
const client = createClient({ backend: memoryBackend() });
const every = async (input: object, flags: object, over = client, stream: NodeJS.WritableStream = terminal) =>
  (await withPreviews({ prompt: "x", ...input } as GenerationInput, flags, over, stream, signal)).previewEvery;

it("asks for about five previews of a picture, or as often as is said", async () => {
  expect(await every({ steps: 30 }, {})).toBe(6);
  expect(await every({ steps: 3 }, {})).toBe(1);
  expect(await every({}, {})).toBe(4);
  expect(await every({ steps: 30 }, { preview: 2 })).toBe(2);
  expect(await every({ steps: 30, previewEvery: 7 }, {})).toBe(7);
});

it("asks for none where none would be seen, or can be had", async () => {
  expect(await every({ previewEvery: 7 }, { preview: false })).toBe(0);
  expect(await every({ previewEvery: 7 }, { preview: 2 }, client, pipe)).toBe(0);
  expect(await every({}, {}, client, makeTerminal({ colorDepth: 4 }).stream)).toBe(0);
  const backend = memoryBackend();
  const without: Client = createClient({
    backend: { ...backend, capabilities: async () => ({ ...(await backend.capabilities()), features: ["seed"] }) },
  });
  expect(await every({}, {}, without)).toBe(0);
  const broken = createClient({ backend: { ...backend, capabilities: () => Promise.reject(new Error("away")) } });
  expect(await every({}, {}, broken)).toBe(0);
});

it("keeps a recipe a recipe", async () => {
  const { recipe } = await client.generate({ prompt: "x", steps: 10 });
  const wanted = await withPreviews(recipe, {}, client, terminal, signal);
  expect(wanted).toEqual({ ...recipe, request: { ...recipe.request, previewEvery: 2 } });
});

it("reads every kind of preview", async () => {
  const pixels = { width: 2, height: 1, channels: 3 as const, data: Uint8Array.from([1, 2, 3, 4, 5, 6]) };
  const base64 = Buffer.from(pixels.data).toString("base64");
  const file = await encodeImage(pixels, "png");
  const encoded = { kind: "encoded", mediaType: "image/png", base64: Buffer.from(file).toString("base64") } as const;
  const fetching = createClient({ backend: { ...memoryBackend(), fetchImage: async () => file } });
  const url = { kind: "url", url: "http://a/b.png" } as const;
  const read = async (image: Parameters<typeof previewPixels>[0], from = client) => [
    ...(await previewPixels(image, from, signal)).data,
  ];
  expect(await read({ ...pixels, kind: "pixels", base64 })).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await read(encoded)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await read(url, fetching)).toEqual([1, 2, 3, 4, 5, 6]);
  await expect(read(url)).rejects.toMatchObject({ code: "image" });
});
