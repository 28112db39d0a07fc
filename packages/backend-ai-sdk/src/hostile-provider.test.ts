import { createClient, encodeImage } from "@latentkit/core";
import { collect } from "@latentkit/testing";
import { MockImageModelV4 } from "ai/test";
import { expect, it, onTestFinished } from "vitest";
import { aiSdk } from "./ai-sdk-backend.ts";
import type { AiSdkOptions } from "./ai-sdk-options.ts";

const response = { timestamp: new Date(), modelId: "mock", headers: undefined };
const picture = () => encodeImage({ width: 8, height: 8, channels: 3, data: new Uint8Array(192) }, "png");

function over(answer: () => unknown, options: AiSdkOptions = {}) {
  const model = new MockImageModelV4({
    provider: "mock.image",
    modelId: "hostile",
    maxImagesPerCall: 4,
    doGenerate: (async () => answer()) as never,
  });
  const client = createClient({ backend: aiSdk(model, { retries: 0, ...options }) });
  onTestFinished(() => client.dispose());
  return client;
}

it("types answers of the wrong shape", async () => {
  const answers = [
    undefined,
    null,
    7,
    {},
    { images: 7 },
    { images: [] },
    { images: [null] },
    { images: [7] },
    { images: [{}] },
  ];
  for (const answer of answers) {
    const { error } = await collect(over(() => answer).generate({ prompt: "a" }));
    expect(error, JSON.stringify(answer)).toMatchObject({
      code: "generation",
      message: expect.stringMatching(/picture/),
    });
    expect((error as Error).message).not.toMatch(/Cannot read|not a function|must be of type/);
  }
  for (const text of ["????", "", "data:image/png;base64,AAAA"]) {
    const { error } = await collect(over(() => ({ images: [text], warnings: [] })).generate({ prompt: "a" }));
    expect(error, text).toMatchObject({ code: "image" });
  }
});

it("takes pictures beside facts of the wrong shape", async () => {
  const bytes = await picture();
  const facts = [
    { warnings: null, providerMetadata: null, usage: null, response },
    { warnings: 7, providerMetadata: 7, usage: 7 },
    { warnings: [null, 7], providerMetadata: { mock: null, other: { images: null } }, usage: { inputTokens: "7" } },
    { providerMetadata: { mock: { images: 7, finishReason: {} } } },
  ];
  for (const each of facts) {
    const { images } = await over(() => ({ images: [bytes], ...each })).generate({ prompt: "a" });
    expect(images, JSON.stringify(each)).toHaveLength(1);
  }
});

it("waits neither for a provider that never answers nor for one that heeds no signal", async () => {
  const never = () => new Promise(() => {});
  await expect(over(never, { timeoutMs: 50 }).generate({ prompt: "a" })).rejects.toMatchObject({
    code: "connection",
    retryable: false,
    details: { outcome: "unknown" },
    message: expect.stringContaining("timeoutMs"),
  });
  const client = over(never);
  const job = client.generate({ prompt: "a" });
  const began = performance.now();
  setTimeout(() => job.cancel(), 20);
  await expect(job.then((result) => result)).rejects.toMatchObject({ code: "aborted" });
  await client.dispose();
  // The client itself would wait ten seconds for the backend.
  expect(performance.now() - began).toBeLessThan(8000);
});
