import { encodeImage, readRecipe } from "@latentkit/core";
import { eventually } from "@latentkit/testing";
import OpenAI, { toFile } from "openai";
import { describe, expect, it } from "vitest";
import { hashApiKey, newApiKey } from "../access/api-key.ts";
import { harness } from "../testing/harness.ts";
import { maskFromAlpha } from "./mask.ts";

const photo = await encodeImage({ width: 16, height: 16, channels: 3, data: new Uint8Array(768).fill(90) }, "png");
const transparent = await encodeImage(
  {
    width: 16,
    height: 16,
    channels: 4,
    data: Uint8Array.from({ length: 1024 }, (_, i) => (i % 4 === 3 && i < 512 ? 0 : 255)),
  },
  "png",
);

async function openai(...args: Parameters<typeof harness>) {
  const found = await harness(...args);
  const client = new OpenAI({ baseURL: `${found.url}/v1`, apiKey: "none", maxRetries: 0 });
  return { ...found, client };
}

describe("OpenAI's own client", () => {
  it("generates, with sizes, formats, several pictures, and the extras that other servers have", async () => {
    const { client } = await openai();
    const extras = { seed: 7, steps: 3, negative_prompt: "blur", guidance: 4 };
    const made = await client.images.generate({
      prompt: "a fox",
      n: 2,
      size: "32x16" as never,
      output_format: "webp",
      ...extras,
    } as never);
    expect(made.data).toHaveLength(2);
    expect(made).toMatchObject({
      output_format: "webp",
      size: "32x16",
      latentkit: { warnings: [], recipe: { request: { steps: 3, negativePrompt: "blur", guidanceScale: 4 } } },
    });
    expect(Buffer.from(made.data![0]!.b64_json!, "base64").toString("latin1", 8, 12)).toBe("WEBP");
    const again = await client.images.generate({ prompt: "a fox", ...extras } as never);
    const png = Buffer.from(again.data![0]!.b64_json!, "base64");
    expect((await readRecipe(png)).request).toMatchObject({ seed: 7, prompt: "a fox" });
    const own = await client.images.generate({
      prompt: "a fox",
      latentkit: { sampler: "euler", noise: { source: "nv" } },
    } as never);
    expect((own as unknown as { latentkit: { recipe: { request: object } } }).latentkit.recipe.request).toMatchObject({
      sampler: "euler",
      noise: { source: "nv" },
    });
  });

  it("streams partial pictures, as many as it asks for", async () => {
    const { client } = await openai();
    const stream = await client.images.generate({
      prompt: "a fox",
      stream: true,
      partial_images: 2,
      steps: 30,
    } as never);
    const events: { type: string; b64_json: string; partial_image_index?: number }[] = [];
    for await (const event of stream as unknown as AsyncIterable<(typeof events)[0]>) events.push(event);
    const partial = events.filter(({ type }) => type === "image_generation.partial_image");
    expect(partial.length).toBeGreaterThanOrEqual(1);
    expect(partial.map(({ partial_image_index }) => partial_image_index)).toEqual(partial.map((_, i) => i));
    expect(partial.length).toBeLessThanOrEqual(2);
    expect(events.at(-1)).toMatchObject({
      type: "image_generation.completed",
      size: "16x16",
      usage: { total_tokens: 0 },
    });
    expect(Buffer.from(events.at(-1)!.b64_json, "base64").toString("latin1", 1, 4)).toBe("PNG");
  });

  it("is told what is wrong in its own words, before any work", async () => {
    const { client, backend } = await openai();
    const refused = (fields: object) =>
      client.images.generate({ prompt: "a", ...fields } as never).catch((error) => error);
    expect(await refused({ size: "10x10" })).toMatchObject({ status: 400, param: "size" });
    expect(await refused({ size: "big" })).toMatchObject({ status: 400, param: "size" });
    expect(await refused({ n: 0 })).toMatchObject({ status: 400, param: "n" });
    expect(await refused({ n: 11 })).toMatchObject({ status: 400, param: "n" });
    expect(await refused({ steps: 0 })).toMatchObject({ status: 400, param: "steps" });
    expect(await refused({ stream: "yes" })).toMatchObject({ status: 400, param: "stream" });
    expect(await refused({ output_format: "svg" })).toMatchObject({ status: 400, param: "output_format" });
    expect(await refused({ background: "transparent" })).toMatchObject({ status: 400, param: "background" });
    expect(await refused({ model: "gpt-image-1" })).toMatchObject({ status: 404, code: "model_not_found" });
    expect(await refused({ latentkit: { image: "/etc/passwd" } })).toMatchObject({ status: 400, param: "image" });
    expect(backend.begun).toBe(0);
    const warned = await client.images.generate({ prompt: "a", quality: "high", stepz: 3 } as never);
    expect((warned as unknown as { latentkit: { warnings: object[] } }).latentkit.warnings).toMatchObject([
      { field: "quality" },
      { field: "stepz" },
    ]);
  });

  it("hears a failure in the middle of a stream, and cancels by going away", async () => {
    const { client, backend } = await openai({}, { fails: (prompt) => prompt === "fail", stepMs: 10 });
    const failing = await client.images.generate({ prompt: "fail", stream: true });
    await expect(async () => {
      for await (const _ of failing);
    }).rejects.toThrow(/Picture 0 failed/);
    const controller = new AbortController();
    const slow = client.images.generate({ prompt: "slow", steps: 200 } as never, { signal: controller.signal });
    await eventually(() => backend.running === 1);
    controller.abort();
    await expect(slow).rejects.toThrow();
    expect(await eventually(() => backend.running === 0)).toBe(true);
  });

  it("sends edits as a form, and lists models, with a key", async () => {
    const key = newApiKey();
    const { client: nobody, url } = await openai({ apiKeys: [hashApiKey(key)], models: { fox: "/m/fox.safetensors" } });
    await expect(nobody.models.list()).rejects.toMatchObject({ status: 401 });
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(["stripes", "fox"]);
    expect((await client.models.retrieve("fox")).owned_by).toBe("latentkit");
    // The in-memory backend draws from text alone: that it says so means that the form was understood.
    const file = await toFile(photo, "photo.png", { type: "image/png" });
    const edit = (fields: object) =>
      client.images.edit({ image: file, prompt: "a", ...fields } as never).catch((error) => error);
    expect(await edit({})).toMatchObject({
      status: 400,
      param: "task",
      message: expect.stringContaining("image-to-image"),
    });
    const mask = await toFile(transparent, "mask.png", { type: "image/png" });
    expect(await edit({ mask })).toMatchObject({
      status: 400,
      param: "task",
      message: expect.stringContaining("inpaint"),
    });
    expect(await edit({ mask: file })).toMatchObject({
      status: 400,
      param: "mask",
      message: expect.stringContaining("alpha"),
    });
    expect(await edit({ image: [file, file] })).toMatchObject({ status: 400 });
    expect(await edit({ n: "x" })).toMatchObject({ status: 400, param: "n" });
  });
});

it("paints where OpenAI's mask is transparent", async () => {
  const mask = await maskFromAlpha(transparent, 1e6);
  const { decodeImage } = await import("@latentkit/core");
  const { data, channels } = await decodeImage(mask);
  expect([data[0], data.at(-1), channels]).toEqual([255, 0, 3]);
});
