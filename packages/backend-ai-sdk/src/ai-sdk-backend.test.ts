import { APICallError } from "@ai-sdk/provider";
import { createClient, decodeImage, encodeImage } from "@latentkit/core";
import { describeBackend } from "@latentkit/testing";
import { MockImageModelV4 } from "ai/test";
import { describe, expect, it, onTestFinished } from "vitest";
import { aiSdk } from "./ai-sdk-backend.ts";
import type { AiSdkOptions } from "./ai-sdk-options.ts";
import { fromConfig } from "./from-config.ts";

type Asked = Parameters<MockImageModelV4["doGenerate"]>[0];
type Answer = Awaited<ReturnType<MockImageModelV4["doGenerate"]>>;

const response = { timestamp: new Date(), modelId: "mock", headers: undefined };

async function stripes(value: number): Promise<Uint8Array> {
  const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => ((i * (value + 3)) ^ (value * 7)) & 255);
  return encodeImage({ width: 16, height: 16, channels: 3, data }, "png");
}

/** The AI SDK's own mock: it draws stripes from the seed, slowly where the prompt says so. */
function mock(answer: (asked: Asked) => Partial<Answer> | Promise<Partial<Answer>> = () => ({}), about = {}) {
  const state = { begun: 0, running: 0 };
  const calls: Asked[] = [];
  const model = new MockImageModelV4({
    provider: "mock.image",
    modelId: "stripes",
    maxImagesPerCall: 4,
    ...about,
    doGenerate: async (asked) => {
      calls.push(asked);
      state.begun++;
      state.running++;
      try {
        if (asked.prompt === "slow")
          await new Promise((resolve, reject) => {
            const timer = setTimeout(resolve, 300);
            asked.abortSignal?.addEventListener("abort", () => {
              clearTimeout(timer);
              reject(new DOMException("aborted", "AbortError"));
            });
          });
        const own = await answer(asked);
        const images =
          own.images ??
          (await Promise.all(Array.from({ length: asked.n }, (_, i) => stripes(((asked.seed ?? 1) + i) % 251))));
        return { warnings: [], response, ...own, images } as Answer;
      } finally {
        state.running--;
      }
    },
  });
  return { model, state, calls };
}

describeBackend(
  "ai-sdk",
  () => {
    let halves = 0;
    const { model, state } = mock(({ prompt }) => {
      if (prompt === "fail" || (prompt === "half" && halves++ === 1)) throw new Error("the provider failed");
      return {};
    });
    return {
      backend: aiSdk(model, { concurrency: 1, fields: { steps: "mock.steps" }, maxSeed: Number.MAX_SAFE_INTEGER }),
      request: { prompt: "a" },
      longRequest: { prompt: "slow", count: 10 },
      unsupported: { request: { prompt: "a", sampler: "euler" }, field: "sampler" },
      failing: { prompt: "fail" },
      partlyFailing: { prompt: "half", count: 3 },
      workBegun: () => state.begun,
      isIdle: () => state.running === 0,
    };
  },
  { skip: { "recipe round trip": "the AI SDK's seeds are JavaScript numbers, up to 2^53; the case's is larger" } },
);

describe("an AI SDK model as a backend", () => {
  function client(model: MockImageModelV4, options: AiSdkOptions = {}) {
    const made = createClient({ backend: aiSdk(model, options) });
    onTestFinished(() => made.dispose());
    return made;
  }

  it("gives each picture its own seed, in a call of its own; without seeds as many a call as the model makes", async () => {
    const { model, calls } = mock();
    const { images, recipe } = await client(model).generate({ prompt: "a", seed: 2 ** 31 - 2, count: 2 });
    expect(calls.map(({ n, seed }) => [n, seed])).toEqual([
      [1, 2 ** 31 - 2],
      [1, 2 ** 31 - 1],
    ]);
    expect(images.map(({ seed }) => seed)).toEqual([2 ** 31 - 2, 2 ** 31 - 1]);
    expect(recipe.model).toEqual({ id: "mock.image/stripes" });
    calls.length = 0;
    await client(model, { seed: false }).generate({ prompt: "a", count: 9 });
    expect(calls.map(({ n, seed }) => [n, seed])).toEqual([
      [4, undefined],
      [4, undefined],
      [1, undefined],
    ]);
    await expect(client(model, { seed: false }).generate({ prompt: "a", seed: 1 })).rejects.toMatchObject({
      issues: [{ field: "seed" }],
    });
  });

  it("sends pictures and masks only where the model takes them", async () => {
    const picture = await stripes(5);
    const half = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => (Math.floor(i / 3) % 8 < 4 ? 255 : 0));
    const mask = await encodeImage({ width: 8, height: 8, channels: 3, data: half }, "png");
    const inpaint = { task: "inpaint", prompt: "a hat", image: picture, mask } as const;
    await expect(client(mock().model).generate(inpaint)).rejects.toMatchObject({ issues: [{ field: "task" }] });
    const says = mock(undefined, { supportsFileInputs: true, supportsMaskInputs: Promise.resolve(true) });
    await client(says.model).generate({ ...inpaint, conditioning: [{ kind: "reference" as const, image: picture }] });
    const [asked] = says.calls;
    expect(asked!.files).toEqual([
      { type: "file", mediaType: "image/png", data: Buffer.from(picture) },
      { type: "file", mediaType: "image/png", data: Buffer.from(picture) },
    ]);
    const white = await decodeImage((asked!.mask as { data: Uint8Array }).data);
    expect([white.width, white.height, white.channels]).toEqual([16, 16, 3]);
    expect([white.data[0], white.data[15 * 3]]).toEqual([255, 0]);
    await client(says.model, { mask: "transparent" }).generate(inpaint);
    const clear = await decodeImage((says.calls[1]!.mask as { data: Uint8Array }).data);
    expect([clear.data[3], clear.data[15 * 4 + 3]]).toEqual([0, 255]);
  });

  it("maps sizes, provider options and the provider's own warnings", async () => {
    const { model, calls } = mock(() => ({
      warnings: [
        { type: "unsupported", feature: "size", details: "only squares" },
        { type: "unsupported", feature: "aspectRatio" },
        { type: "other", message: "it is late" },
      ],
      usage: { inputTokens: 3, outputTokens: 4, totalTokens: 7 },
      providerMetadata: { mock: { images: [{ revised: "b" }] } },
    }));
    const made = client(model, {
      fields: { steps: "mock.num_steps", negativePrompt: "mock.negative" },
      providerOptions: { mock: { style: "x", other: 1 } },
    });
    const { warnings, metrics } = await made.generate({
      prompt: "a",
      width: 640,
      height: 480,
      steps: 9,
      negativePrompt: "c",
      backendOptions: { "ai-sdk": { mock: { style: "y" } } },
    });
    expect(calls[0]).toMatchObject({
      size: "640x480",
      aspectRatio: undefined,
      providerOptions: { mock: { style: "y", other: 1, num_steps: 9, negative: "c" } },
    });
    expect(warnings.map(({ code, field }) => [code, field])).toEqual([
      ["unsupported", "width"],
      ["provider", undefined],
    ]);
    expect(metrics).toEqual({
      inputTokens: 3,
      outputTokens: 4,
      totalTokens: 7,
      providerMetadata: { 0: { mock: { revised: "b" } } },
    });
    const ratio = await client(model, { shape: "aspectRatio" }).generate({ prompt: "a", width: 1365, height: 1024 });
    expect(calls[1]).toMatchObject({ size: undefined, aspectRatio: "4:3" });
    expect(ratio.warnings[0]).toMatchObject({ code: "unsupported", field: "width" });
    await expect(made.generate({ prompt: "a", width: 640 })).rejects.toMatchObject({ issues: [{ field: "height" }] });
    await expect(made.generate({ prompt: "a", backendOptions: { "ai-sdk": { mock: 3 } } })).rejects.toMatchObject({
      issues: [{ field: "backendOptions.ai-sdk.mock" }],
    });
    await expect(made.generate({ prompt: "a", model: "other" })).rejects.toMatchObject({
      issues: [{ field: "model" }],
    });
  });

  it("types what goes wrong, and repeats only what surely did nothing", async () => {
    const failing = (about: Partial<ConstructorParameters<typeof APICallError>[0]>, retries = 0) => {
      const made = mock(() => {
        throw new APICallError({ message: "no", url: "https://x", requestBodyValues: {}, ...about });
      });
      return { job: client(made.model, { retries }).generate({ prompt: "a" }), calls: made.calls };
    };
    await expect(failing({ statusCode: 401 }).job).rejects.toMatchObject({ code: "authentication" });
    await expect(failing({ statusCode: 404 }).job).rejects.toMatchObject({ code: "not_found" });
    await expect(failing({ statusCode: 429 }).job).rejects.toMatchObject({ code: "rate_limit" });
    await expect(failing({ statusCode: 422 }).job).rejects.toMatchObject({ code: "invalid_request" });
    await expect(failing({ statusCode: 400, responseBody: "flagged as NSFW" }).job).rejects.toMatchObject({
      code: "content_refused",
    });
    const broken = failing({ statusCode: 500, isRetryable: true }, 3);
    await expect(broken.job).rejects.toMatchObject({ code: "generation", retryable: true });
    expect(broken.calls).toHaveLength(1);
    await expect(failing({ cause: { code: "ECONNRESET" } }).job).rejects.toMatchObject({
      code: "connection",
      retryable: false,
      details: { outcome: "unknown" },
    });
    let tries = 0;
    const { model, calls } = mock(() => {
      const about = { message: "slow down", url: "https://x", requestBodyValues: {}, statusCode: 429 };
      if (tries++ === 0) throw new APICallError({ ...about, responseHeaders: { "retry-after": "0.01" } });
      return {};
    });
    expect((await client(model).generate({ prompt: "a" })).images).toHaveLength(1);
    expect(calls).toHaveLength(2);
    const none = mock(() => ({
      images: [],
      providerMetadata: { google: { images: [], finishReason: "IMAGE_SAFETY" } },
    }));
    await expect(client(none.model).generate({ prompt: "a" })).rejects.toMatchObject({ code: "content_refused" });
    expect(() => aiSdk({} as never)).toThrow(/model: must be an image model/);
    expect(() => aiSdk(mock().model, { shapes: "size" } as never)).toThrow(/did you mean shape/);
    expect(() => fromConfig({ model: "x" }, {})).toThrow(/provider: is missing/);
    const missing = createClient({ backend: fromConfig({ provider: "@ai-sdk/nothing", model: "x" }, {}) });
    await expect(missing.generate({ prompt: "a" })).rejects.toMatchObject({ code: "config" });
  });
});
