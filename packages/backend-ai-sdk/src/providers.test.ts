import { createBlackForestLabs } from "@ai-sdk/black-forest-labs";
import { createFal } from "@ai-sdk/fal";
import { createGoogle } from "@ai-sdk/google";
import { createTogetherAI } from "@ai-sdk/togetherai";
import { createClient, encodeImage } from "@latentkit/core";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { aiSdk } from "./ai-sdk-backend.ts";
import type { AiSdkModel, AiSdkOptions } from "./ai-sdk-options.ts";

/** Real provider packages, each against answers of its service's form. */
describe("providers of the AI SDK", () => {
  const server = setupServer();
  const bodies: Record<string, unknown>[] = [];
  let png: Uint8Array<ArrayBuffer>;
  beforeAll(async () => {
    server.listen({ onUnhandledFrame: "error" });
    const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7) & 255);
    png = await encodeImage({ width: 32, height: 32, channels: 3, data }, "png");
  });
  beforeEach(() => {
    server.resetHandlers();
    bodies.length = 0;
  });
  afterAll(() => server.close());

  function client(model: AiSdkModel, options: AiSdkOptions = {}) {
    const made = createClient({ backend: aiSdk(model, options) });
    onTestFinished(() => made.dispose());
    return made;
  }
  const keep = async (request: Request) => {
    const body = (await request.json()) as Record<string, unknown>;
    bodies.push(body);
    return body;
  };
  const base64 = () => Buffer.from(png).toString("base64");

  it("fal: a seed and a call for each picture; one that fails costs itself alone", async () => {
    server.use(
      http.post("https://fal.run/fal-ai/flux/dev", async ({ request }) => {
        const { seed } = await keep(request);
        if (seed === 8) return HttpResponse.json({ detail: "broken" }, { status: 500 });
        return HttpResponse.json({
          images: [{ url: `https://fal.media/${seed}.png`, width: 32, height: 32, content_type: "image/png" }],
          seed,
          has_nsfw_concepts: [false],
          prompt: "a",
        });
      }),
      http.get("https://fal.media/:file", () =>
        HttpResponse.arrayBuffer(png.buffer, { headers: { "content-type": "image/png" } }),
      ),
    );
    const made = client(createFal({ apiKey: "k" }).image("fal-ai/flux/dev"), {
      fields: { steps: "fal.numInferenceSteps" },
    });
    const { images, failures, metrics } = await made.generate({
      prompt: "a",
      seed: 7,
      count: 3,
      width: 32,
      height: 32,
      steps: 12,
    });
    expect(images.map(({ index, seed }) => [index, seed])).toEqual([
      [0, 7],
      [2, 9],
    ]);
    expect(failures).toMatchObject([{ index: 1, seed: 8, error: { code: "generation" } }]);
    expect(bodies.map(({ seed }) => seed).sort()).toEqual([7, 8, 9]);
    expect(bodies[0]).toMatchObject({ prompt: "a", image_size: { width: 32, height: 32 }, num_inference_steps: 12 });
    expect(metrics.providerMetadata).toMatchObject({ 0: { fal: { width: 32 } } });
  });

  it("Black Forest Labs: polled to its end; what it says of sizes is a warning", async () => {
    let polls = 0;
    server.use(
      http.post("https://api.bfl.ai/v1/flux-pro-1.1", async ({ request }) => {
        await keep(request);
        return HttpResponse.json({ id: "t", polling_url: "https://api.bfl.ai/v1/get_result" });
      }),
      http.get("https://api.bfl.ai/v1/get_result", () =>
        HttpResponse.json(
          polls++ === 0
            ? { status: "Pending" }
            : { status: "Ready", result: { sample: "https://delivery.bfl.ai/a.png", seed: 5 } },
        ),
      ),
      http.get("https://delivery.bfl.ai/a.png", () =>
        HttpResponse.arrayBuffer(png.buffer, { headers: { "content-type": "image/png" } }),
      ),
    );
    const model = createBlackForestLabs({ apiKey: "k", pollIntervalMillis: 5 }).image("flux-pro-1.1");
    const { images, warnings, metrics } = await client(model).generate({
      prompt: "a",
      seed: 5,
      width: 1024,
      height: 768,
    });
    expect(bodies[0]).toMatchObject({ prompt: "a", seed: 5, width: 1024, height: 768 });
    expect(await images[0]!.size()).toEqual({ width: 32, height: 32 });
    expect(warnings).toMatchObject([{ code: "unsupported", field: "width" }]);
    expect(metrics.providerMetadata).toMatchObject({ 0: { blackForestLabs: { seed: 5 } } });
  });

  it("Together: steps and a negative prompt by its own names; refused content is typed", async () => {
    server.use(
      http.post("https://api.together.xyz/v1/images/generations", async ({ request }) => {
        const { prompt } = await keep(request);
        if (prompt === "forbidden")
          return HttpResponse.json(
            { error: { message: "The prompt was flagged by the safety checker" } },
            { status: 422 },
          );
        return HttpResponse.json({ data: [{ b64_json: base64() }] });
      }),
    );
    const made = client(createTogetherAI({ apiKey: "k" }).image("black-forest-labs/FLUX.1-dev"), {
      fields: { steps: "togetherai.steps", negativePrompt: "togetherai.negative_prompt" },
    });
    const { warnings } = await made.generate({ prompt: "a", steps: 4, negativePrompt: "b", width: 64, height: 64 });
    expect(bodies[0]).toMatchObject({ steps: 4, negative_prompt: "b", width: 64, height: 64 });
    expect(warnings, "it warns of an aspect ratio that it was not given").toEqual([]);
    await expect(made.generate({ prompt: "forbidden" })).rejects.toMatchObject({ code: "content_refused" });
  });

  it("Google: an aspect ratio, pictures beside the prompt, tokens; a withheld picture is typed", async () => {
    server.use(
      http.post("https://generativelanguage.googleapis.com/v1beta/models/:call", async ({ request }) => {
        const body = await keep(request);
        const isRefused = JSON.stringify(body).includes("forbidden");
        const parts = isRefused ? [] : [{ inlineData: { mimeType: "image/png", data: base64() } }];
        return HttpResponse.json({
          candidates: [{ content: { role: "model", parts }, finishReason: isRefused ? "IMAGE_SAFETY" : "STOP" }],
          usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 1290, totalTokenCount: 1294 },
        });
      }),
    );
    const model = createGoogle({ apiKey: "k" }).image("gemini-2.5-flash-image");
    const made = client(model, { edits: "files" });
    const { images, metrics, warnings } = await made.generate({
      task: "image-to-image",
      prompt: "at night",
      image: png,
      width: 1024,
      height: 576,
      seed: 3,
    });
    expect(images).toHaveLength(1);
    expect(metrics).toMatchObject({ inputTokens: 4, outputTokens: 1290 });
    expect(warnings).toMatchObject([{ field: "width" }]);
    expect(bodies[0]).toMatchObject({
      generationConfig: { seed: 3, responseModalities: ["IMAGE"], imageConfig: { aspectRatio: "16:9" } },
      contents: [{ parts: [{ text: "at night" }, { inlineData: { mimeType: "image/png" } }] }],
    });
    await expect(made.generate({ prompt: "forbidden" })).rejects.toMatchObject({ code: "content_refused" });
  });
});
