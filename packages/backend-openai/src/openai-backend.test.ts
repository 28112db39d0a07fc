import { createClient, decodeImage, encodeImage, type GenerationEvent, type UnsupportedError } from "@latentkit/core";
import { hashApiKey, newApiKey, serve } from "@latentkit/server";
import { collect, describeBackend, eventually, memoryBackend, until } from "@latentkit/testing";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { fromConfig } from "./from-config.ts";
import { OpenAiBackend, openai } from "./openai-backend.ts";
import { type OpenAiOptions, resolveOptions } from "./openai-options.ts";
import { type Fault, problem, startFakeOpenAi } from "./testing/fake-openai.ts";

const serverKey = newApiKey();

/** A server of the dialect that has seeds and steps: our own, over a backend that draws stripes. */
describeBackend("openai", async () => {
  let halves = 0;
  const memory = memoryBackend({
    stepMs: 2,
    fails: (prompt) => prompt === "fail" || (prompt === "half" && halves++ === 1),
  });
  const behind = createClient({ backend: memory });
  const server = await serve(behind, { port: 0, apiKeys: [hashApiKey(serverKey)], maxSteps: 1000 });
  return {
    backend: openai({ url: `${server.url}/v1`, apiKey: serverKey, extras: ["seed", "steps"] }),
    request: { prompt: "a", steps: 2 },
    longRequest: { prompt: "a", steps: 800, previewEvery: 1 },
    unsupported: { request: { prompt: "a", scheduler: "karras" }, field: "scheduler" },
    failing: { prompt: "fail" },
    partlyFailing: { prompt: "half", count: 3 },
    workBegun: () => memory.begun,
    isIdle: () => memory.running === 0,
    teardown: async () => {
      await server.close(0);
      await behind.dispose();
    },
  };
});

describe("OpenAI's images API", () => {
  let fault: Fault = () => undefined;
  let fake: Awaited<ReturnType<typeof startFakeOpenAi>>;
  const key = "sk-test-0123456789";
  beforeAll(async () => {
    fake = await startFakeOpenAi({ fault: (call) => fault(call) });
  });
  afterAll(async () => fake.close());

  /** OpenAI itself, as far as the backend knows, at the fake's address. */
  function client(options: OpenAiOptions = {}, about: { fault?: Fault } = {}) {
    fault = about.fault ?? (() => undefined);
    fake.calls.length = 0;
    const resolved = resolveOptions({ model: "gpt-image-2.5-flare", apiKey: key, ...options }, {});
    const made = createClient({ backend: new OpenAiBackend({ ...resolved, url: new URL(options.url ?? fake.url) }) });
    onTestFinished(() => made.dispose());
    return made;
  }

  it("makes pictures in one call, with what they used", async () => {
    const { images, metrics, recipe } = await client().generate({
      prompt: "a fox",
      width: 64,
      height: 32,
      count: 3,
      output: { format: "webp", quality: 70 },
      backendOptions: { openai: { quality: "xhigh", safety_identifier: "u1" } },
    });
    expect(images).toHaveLength(3);
    expect(await images[2]!.size()).toEqual({ width: 64, height: 32 });
    expect(fake.calls.map(({ path, fields }) => ({ path, fields }))).toEqual([
      {
        path: "/images/generations",
        fields: {
          prompt: "a fox",
          model: "gpt-image-2.5-flare",
          n: 3,
          size: "64x32",
          output_format: "webp",
          output_compression: 70,
          quality: "xhigh",
          safety_identifier: "u1",
        },
      },
    ]);
    expect(metrics).toMatchObject({ inputTokens: 10, outputTokens: 60, totalTokens: 70, inputTextTokens: 10 });
    expect(metrics.requestIds).toEqual([expect.stringMatching(/^req_/)]);
    expect(recipe).toMatchObject({ model: { id: "gpt-image-2.5-flare" }, request: { width: 64, height: 32 } });
    expect(recipe.request.seed).toBeUndefined();
  });

  it("shows unfinished pictures, each of its own picture", async () => {
    const { events } = await collect(
      client().generate({ prompt: "a", count: 2, previewEvery: 1, backendOptions: { openai: { partial_images: 2 } } }),
    );
    const of = <T extends GenerationEvent["type"]>(type: T, index: number) =>
      events.filter((event) => event.type === type && (event as { index?: number }).index === index);
    for (const index of [0, 1]) {
      expect(of("preview", index).map((event) => (event as { step: number }).step)).toEqual([1, 2]);
      expect(of("progress", index).map((event) => (event as { step: number }).step)).toEqual([1, 2, 3]);
      expect(of("image", index)).toHaveLength(1);
    }
    expect(fake.calls.map(({ fields }) => [fields.n, fields.stream, fields.partial_images])).toEqual([
      [1, true, 2],
      [1, true, 2],
    ]);
    expect(events.at(-1)).toMatchObject({ type: "completed", metrics: { inputTokens: 20, outputTokens: 40 } });
  });

  it("edits: pictures as they are, a mask that is transparent where it is to be painted, references", async () => {
    const picture = await encodeImage({ width: 8, height: 4, channels: 3, data: new Uint8Array(96).fill(90) }, "jpeg");
    const half = Uint8Array.from({ length: 96 }, (_, i) => (Math.floor(i / 3) % 8 < 4 ? 255 : 0));
    const mask = await encodeImage({ width: 8, height: 4, channels: 3, data: half }, "png");
    const { images } = await client().generate({
      task: "inpaint",
      prompt: "a hat",
      image: picture,
      mask,
      conditioning: [{ kind: "reference", image: picture }],
    });
    expect(images).toHaveLength(1);
    const [call] = fake.calls;
    expect(call!.path).toBe("/images/edits");
    expect(call!.files.map(({ name, file }) => [name, file.type])).toEqual([
      ["image[]", "image/jpeg"],
      ["image[]", "image/jpeg"],
      ["mask", "image/png"],
    ]);
    expect(Buffer.from(await call!.files[0]!.file.arrayBuffer())).toEqual(Buffer.from(picture));
    const sent = await decodeImage(new Uint8Array(await call!.files[2]!.file.arrayBuffer()));
    expect([sent.width, sent.height, sent.channels]).toEqual([8, 4, 4]);
    const alpha = Array.from({ length: 8 }, (_, x) => sent.data[x * 4 + 3]);
    expect(alpha).toEqual([0, 0, 0, 0, 255, 255, 255, 255]);
    await client().generate({ prompt: "both", conditioning: [{ kind: "reference", image: picture }] });
    expect(fake.calls[0]).toMatchObject({ path: "/images/edits", files: [{ name: "image" }] });
  });

  it("knows each model's sizes and qualities, and refuses the others before any call", async () => {
    const free = client();
    expect(await free.capabilities()).toMatchObject({
      limits: { width: { min: 16, max: 3840, multipleOf: 16 } },
      options: { quality: ["auto", "low", "medium", "high", "xhigh", "max"] },
    });
    expect(await free.capabilities("gpt-image-1.5")).toMatchObject({
      sizes: [
        [1024, 1024],
        [1536, 1024],
        [1024, 1536],
      ],
      options: { quality: ["auto", "low", "medium", "high"], input_fidelity: ["low", "high"] },
    });
    const wrong: [Parameters<typeof free.generate>[0], string, string][] = [
      [{ prompt: "a", width: 1000, height: 1000 }, "unsupported", "width"],
      [{ prompt: "a", width: 3200, height: 640 }, "unsupported", "width"],
      [{ prompt: "a", width: 1024 }, "unsupported", "height"],
      [{ prompt: "a", model: "gpt-image-1.5", width: 512, height: 512 }, "unsupported", "width"],
      [{ prompt: "a", seed: 7 }, "unsupported", "seed"],
      [{ prompt: "a", negativePrompt: "b" }, "unsupported", "negativePrompt"],
      [{ prompt: " " }, "invalid_request", "prompt"],
      [{ prompt: "a".repeat(32_001) }, "invalid_request", "prompt"],
      [
        { prompt: "a", model: "gpt-image-2", backendOptions: { openai: { quality: "max" } } },
        "unsupported",
        "backendOptions.openai.quality",
      ],
      [{ prompt: "a", backendOptions: { openai: { n: 4 } } }, "invalid_request", "backendOptions.openai.n"],
      [
        { prompt: "a", output: { format: "jpeg" }, backendOptions: { openai: { background: "transparent" } } },
        "invalid_request",
        "output.format",
      ],
    ];
    for (const [request, code, field] of wrong) {
      const error = await free.generate(request).then(String, (reason: unknown) => reason);
      expect(error, JSON.stringify(request).slice(0, 100)).toMatchObject({ code });
      expect((error as UnsupportedError).issues[0]!.field).toBe(field);
    }
    await expect(free.generate({ prompt: "a", model: "dall-e-3" })).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringContaining("2026-05-12"),
    });
    expect(fake.calls).toEqual([]);
  });

  it("says what the service says: refused content, payment, a wrong key, a field", async () => {
    const made = client();
    await expect(made.generate({ prompt: "forbidden" })).rejects.toMatchObject({
      code: "content_refused",
      backend: "openai",
      details: { code: "moderation_blocked", status: 400 },
    });
    const says = (status: number, error: object) =>
      client({ retries: 0 }, { fault: () => problem(status, error) }).generate({ prompt: "a" });
    await expect(says(429, { code: "insufficient_quota", message: "pay" })).rejects.toMatchObject({
      code: "authentication",
    });
    await expect(says(429, { message: "slow" })).rejects.toMatchObject({ code: "rate_limit", retryable: true });
    await expect(says(404, { code: "model_not_found", message: "no" })).rejects.toMatchObject({ code: "not_found" });
    await expect(says(400, { param: "size", message: "bad size" })).rejects.toMatchObject({
      code: "invalid_request",
      issues: [{ field: "width", message: "bad size" }],
    });
    await expect(says(500, { message: "oh" })).rejects.toMatchObject({ code: "generation", retryable: true });
    expect(fake.calls, "it may have been billed: not again").toHaveLength(1);
    const stranger = client({ apiKey: "sk-wrong-99999999" });
    const error = await stranger.generate({ prompt: "a" }).then(String, (reason: unknown) => reason);
    expect(error).toMatchObject({ code: "authentication" });
    expect(JSON.stringify(error)).not.toContain("sk-wrong-99999999");
  });

  it("waits where it is told to, and never repeats what may have been made", async () => {
    let calls = 0;
    const busy = client({}, { fault: () => (calls++ === 0 ? problem(429, {}, { "retry-after": "0.05" }) : undefined) });
    expect((await busy.generate({ prompt: "a" })).images).toHaveLength(1);
    expect(fake.calls).toHaveLength(2);
    const cut = await client({}, { fault: () => "cut" })
      .generate({ prompt: "a" })
      .then(String, (error: unknown) => error);
    expect(cut).toMatchObject({ code: "connection", retryable: false, details: { outcome: "unknown" } });
    expect(fake.calls).toHaveLength(1);
    const torn = await client({}, { fault: () => "cut stream" })
      .generate({ prompt: "a", previewEvery: 1 })
      .then(String, (error: unknown) => error);
    expect(torn).toMatchObject({ code: "connection", retryable: false });
    expect(fake.calls).toHaveLength(1);
    const away = client({ url: "http://127.0.0.1:9/v1", retries: 0 });
    await expect(away.generate({ prompt: "a" })).rejects.toMatchObject({ code: "connection", retryable: true });
  });

  it("keeps the pictures of the calls that went well", async () => {
    let n = 0;
    const made = client({}, { fault: () => (n++ === 1 ? problem(500, { message: "oh" }) : undefined) });
    const { images, failures } = await made.generate({ prompt: "a", count: 25 });
    expect(images).toHaveLength(15);
    expect(failures.map(({ index }) => index)).toEqual(Array.from({ length: 10 }, (_, i) => i + 10));
    expect(fake.calls.map(({ fields }) => fields.n)).toEqual([10, 10, 5]);
  });

  it("closes the call when the job is cancelled", async () => {
    const made = client();
    fake.state.stepMs = 300;
    onTestFinished(() => {
      fake.state.stepMs = 1;
    });
    const job = made.generate({ prompt: "a", previewEvery: 1 });
    await until(job, (event) => event.type === "preview");
    job.cancel();
    await expect(job).rejects.toMatchObject({ code: "aborted" });
    expect(await eventually(() => fake.state.running === 0)).toBe(true);
  });

  it("says what is wrong with its options, and sends a key to OpenAI alone", async () => {
    expect(() => resolveOptions({}, {})).toThrow(/OPENAI_API_KEY/);
    expect(() => resolveOptions({ url: "ftp://x" }, {})).toThrow(/url/);
    expect(() => resolveOptions({ modle: "x" } as never, {})).toThrow(/did you mean model/);
    expect(() => resolveOptions({ apiKey: "a\nb" }, {})).toThrow(/apiKey/);
    expect(() => fromConfig({ apiKey: "x" }, {})).toThrow(/OPENAI_API_KEY/);
    expect(() => fromConfig({ apiKeyFrom: "NONE" }, {})).toThrow(/NONE is not set/);
    const env = { OPENAI_API_KEY: key };
    expect(resolveOptions({}, env).headers).toEqual({ authorization: `Bearer ${key}` });
    expect(resolveOptions({ url: "http://127.0.0.1:1/v1" }, env).headers).toEqual({});
    expect(resolveOptions({}, { ...env, OPENAI_BASE_URL: "http://127.0.0.1:1/v1" }).headers).toHaveProperty(
      "authorization",
    );
    fake.calls.length = 0;
    fault = () => undefined;
    const configured = createClient({ backend: fromConfig({ url: fake.url, apiKeyFrom: "MINE" }, { MINE: key }) });
    // Not OpenAI: the picture is asked for in the answer, which OpenAI's models take ill.
    await expect(configured.generate({ prompt: "a" })).rejects.toMatchObject({ code: "invalid_request" });
    expect(fake.calls[0]!.fields.response_format).toBe("b64_json");
    await configured.dispose();
  });

  it("puts settings into the prompt for stable-diffusion.cpp's server", async () => {
    const seen: string[] = [];
    const made = createClient({
      backend: new OpenAiBackend({
        ...resolveOptions({ url: fake.url, extras: "sd.cpp", apiKey: key }, {}),
      }),
    });
    fault = ({ fields }) => {
      seen.push(String(fields.prompt));
      return problem(400, { message: "enough" });
    };
    const request = { prompt: "a", seed: 2n ** 53n + 1n, steps: 8, guidanceScale: 1.5, negativePrompt: "b" };
    await expect(made.generate(request)).rejects.toThrow();
    expect(seen).toEqual([
      '<sd_cpp_extra_args>{"seed":9007199254740993,"negative_prompt":"b","sample_params":{"sample_steps":8,"guidance":{"txt_cfg":1.5}}}</sd_cpp_extra_args>a',
    ]);
    await made.dispose();
  });
});
