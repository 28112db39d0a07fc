import {
  AbortedError,
  AuthenticationError,
  ContentRefusedError,
  createClient,
  encodeImage,
  GenerationError,
  type GenerationEvent,
  NotFoundError,
  TimeoutError,
} from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { errorOfPrediction } from "./replicate-error.ts";
import { failureOf, harness } from "./testing/harness.ts";

const creates = /\/predictions$/;

describe("how a prediction ends", () => {
  it("in failure: the model's own message, status, id and model", async () => {
    await using h = await harness();
    const error = await failureOf(h.client.generate({ prompt: "fail" }));
    const [id] = h.fake.state.predictions.keys();
    expect(GenerationError.isInstance(error) && error.message).toContain("something broke");
    expect(error.message).toContain(id);
    expect(error.details).toMatchObject({ predictionId: id, status: "failed", model: "acme/painter" });
  });

  it("refused for its content", async () => {
    await using h = await harness();
    const error = await failureOf(h.client.generate({ prompt: "nsfw" }));
    expect(ContentRefusedError.isInstance(error) && error.message).toContain("NSFW content detected");
  });

  it("aborted, which is an end like any other", async () => {
    await using h = await harness();
    const error = await failureOf(h.client.generate({ prompt: "abort" }));
    expect(TimeoutError.isInstance(error) && error.message).toContain("before it started");
  });

  it("cancelled by its owner elsewhere, or by its deadline", async () => {
    await using h = await harness();
    const job = h.client.generate({ prompt: "a", steps: 400 });
    job.on("started", () => [...h.fake.state.predictions.values()][0]?.cancel());
    expect(AbortedError.isInstance(await failureOf(job))).toBe(true);
    const late = { completed_at: "2026-11-23T10:05:00Z", deadline: "2026-11-23T10:05:00Z" };
    expect(TimeoutError.isInstance(errorOfPrediction({ id: "p", status: "canceled", ...late }))).toBe(true);
  });

  it("with an output that was removed meanwhile", async () => {
    await using h = await harness({}, { outputs: () => null, removed: true });
    const error = await failureOf(h.client.generate({ prompt: "a" }));
    expect(NotFoundError.isInstance(error) && error.message).toContain("removed its output");
  });

  it("without a picture: what came instead is told", async () => {
    await using h = await harness();
    const error = await failureOf(h.client.generate({ prompt: "no picture" }));
    expect(GenerationError.isInstance(error) && error.message).toContain("words, not a picture");
  });
});

describe("a job", () => {
  it("is cancelled on Replicate before it ends", async () => {
    await using h = await harness({}, { stepMs: 50 });
    const job = h.client.generate({ prompt: "a", steps: 400, count: 3 });
    await new Promise<void>((resolve) => job.on("progress", () => resolve()));
    job.cancel();
    const stillRunning = failureOf(job).then(() => h.fake.state.running);
    expect(await stillRunning).toBe(0);
    expect(h.fake.state.cancelled).toBeGreaterThan(0);
    expect(h.fake.state.cancelled).toBe(h.fake.state.created);
  });

  it("that is left by its reader leaves no prediction running", async () => {
    await using h = await harness();
    const request = { task: "text-to-image", prompt: "a", steps: 400, count: 1 } as const;
    const { request: whole } = (await h.client.generate({ ...request, steps: 2 })).recipe;
    for await (const event of h.backend.generate({ ...whole, steps: 400 }, { signal: new AbortController().signal }))
      if (event.type === "progress") break;
    expect(h.fake.state.running).toBe(0);
  });

  it("tells when a cancel did not arrive: the prediction may run on", async () => {
    await using h = await harness({ retry: { retries: 1, minDelayMs: 1 } });
    h.fake.faults.push({ path: /cancel$/, kind: { status: 500 }, times: 9 });
    const warnings: GenerationEvent[] = [];
    const job = h.client.generate({ prompt: "a", steps: 400 });
    job.on("warning", (warning) => warnings.push(warning));
    job.on("started", () => job.cancel());
    await failureOf(job);
    expect(warnings).toMatchObject([{ code: "cancel_failed", message: expect.stringContaining("may run on") }]);
  });

  it("has a recipe with the picture's size where the model decides it, read from the head of the file, and lets it decide again", async () => {
    await using h = await harness();
    const image = await encodeImage({ width: 24, height: 16, channels: 3, data: new Uint8Array(24 * 16 * 3) }, "png");
    const { recipe, images } = await h.client.generate({ task: "image-to-image", prompt: "a", image });
    const size = await images[0]!.size();
    expect(recipe).toMatchObject({ request: size, observed: size });
    expect(images[0]!.recipe.request).toMatchObject(size);
    await h.client.generate(recipe, { inputs: [image] });
    const last = [...h.fake.state.predictions.values()].at(-1);
    expect(last!.input).toMatchObject({ prompt: "a", image: expect.stringContaining("base64") });
    expect(last!.input).not.toHaveProperty("width");
  });

  it("of several pictures makes a prediction each, with seeds of their own", async () => {
    await using h = await harness();
    const { images, metrics } = await h.client.generate({ prompt: "a", seed: 2n ** 64n - 2n, count: 3 });
    const sent = [...h.fake.state.predictions.values()].map(({ input }) => input.seed);
    expect(sent.map(String)).toEqual(["18446744073709551614", "18446744073709551615", "0"]);
    expect(images.map(({ seed }) => String(seed))).toEqual(sent.map(String));
    expect(metrics.predictionIds).toHaveLength(3);
    expect(metrics.billedSeconds).toBeCloseTo(3 * 0.02, 5);
  });

  it("of several pictures is refused one seed for all in the escape hatch", async () => {
    await using h = await harness();
    const own = { backendOptions: { replicate: { input: { seed: 7 } } } };
    const error = await failureOf(h.client.generate({ prompt: "a", count: 3, ...own }));
    expect(error.message).toMatch(/input.seed: would make the same picture/);
    expect(h.fake.state.created).toBe(0);
    expect((await h.client.generate({ prompt: "a", ...own })).images).toHaveLength(1);
  });

  it("keeps its seeds within what the model takes", async () => {
    await using h = await harness({ model: "acme/official" });
    const { recipe } = await h.client.generate({ prompt: "a" });
    expect(Number(recipe.request.seed)).toBeLessThanOrEqual(2147483647);
    const { images } = await h.client.generate({ prompt: "a", seed: 2147483647, count: 2 });
    expect(images.map(({ seed }) => seed)).toEqual([2147483647, 0]);
    const error = await failureOf(h.client.generate({ prompt: "a", seed: 2147483648 }));
    expect(error.message).toMatch(/seed: 2147483648 is not possible here/);
  });

  it("gives up at once what every further create would meet as well", async () => {
    await using h = await harness({ maxConcurrent: 1 });
    await h.client.capabilities();
    h.fake.faults.push({ path: creates, kind: { status: 401, body: '{"detail":"Invalid token"}' }, times: 9 });
    const error = await failureOf(h.client.generate({ prompt: "a", count: 5 }));
    expect(AuthenticationError.isInstance(error)).toBe(true);
    expect(h.fake.state.callsTo("POST", creates)).toHaveLength(1);
  });

  it("runs no more predictions at once than allowed", async () => {
    await using h = await harness({ maxConcurrent: 2 });
    expect((await h.client.generate({ prompt: "a", count: 6, steps: 60 })).images).toHaveLength(6);
    expect(h.fake.state.mostRunning).toBe(2);
  });

  it("goes on from its handle in another process, without creating anything", async () => {
    await using h = await harness();
    const job = h.client.generate({ prompt: "a", steps: 60, count: 2, seed: 5 });
    await new Promise<void>((resolve) => {
      job.on("queued", ({ handle }) => (handle as { predictions: unknown[] }).predictions.length === 2 && resolve());
    });
    const handle = JSON.parse(JSON.stringify(job.handle));
    await using other = createClient({ backend: h.newBackend() });
    const { images, recipe } = await other.resume(handle);
    expect(images.map(({ seed }) => seed)).toEqual([5, 6]);
    expect(recipe.model?.id).toMatch(/^acme\/painter:a{64}$/);
    expect(h.fake.state.created).toBe(2);
    await job;
  });

  it("does not create anew, from a handle, what the first process may have created", async () => {
    await using h = await harness();
    const job = h.client.generate({ prompt: "a", count: 2 });
    await job;
    const handle = JSON.parse(JSON.stringify(job.handle));
    handle.data.predictions.pop();
    const { images, failures } = await h.client.resume(handle);
    expect(images).toHaveLength(1);
    expect(failures[0]?.error.message).toMatch(/billed twice/);
    expect(h.fake.state.created).toBe(2);
  });

  it("goes on from its handle with what is still there", async () => {
    await using h = await harness({ maxConcurrent: 1 });
    const job = h.client.generate({ prompt: "a", count: 3 });
    await job;
    const [first] = h.fake.state.predictions.keys();
    h.fake.state.predictions.delete(first!);
    const { images, failures } = await h.client.resume(job.handle!);
    expect(images.map(({ index }) => index)).toEqual([1, 2]);
    expect(failures).toMatchObject([{ index: 0, error: { code: "not_found" } }]);
  });

  it("that is cancelled tells of a create that may have arrived and cannot be found", async () => {
    await using h = await harness({ recover: false });
    await h.client.capabilities();
    h.fake.faults.push({ method: "POST", path: creates, kind: { cut: "after", lateMs: 300 } });
    const warnings: GenerationEvent[] = [];
    const job = h.client.generate({ prompt: "a", steps: 500 });
    job.on("warning", (warning) => warnings.push(warning));
    while (h.fake.state.created === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    job.cancel();
    expect(AbortedError.isInstance(await failureOf(job))).toBe(true);
    expect(warnings).toMatchObject([{ code: "create_lost", error: { details: { outcome: "unknown" } } }]);
  });

  it("whose prediction is not known any more says so", async () => {
    await using h = await harness();
    const job = h.client.generate({ prompt: "a" });
    await job;
    h.fake.state.predictions.clear();
    expect(NotFoundError.isInstance(await failureOf(h.client.resume(job.handle!)))).toBe(true);
    const foreign = { ...job.handle!, data: { promptId: "x" } };
    expect(NotFoundError.isInstance(await failureOf(h.client.resume(foreign)))).toBe(true);
  });
});

describe("a create", () => {
  it("asks for its wait, its longest life and its webhook", async () => {
    await using h = await harness({ wait: 5, cancelAfter: 90, webhook: "https://example.org/hook" });
    await h.client.generate({
      prompt: "a",
      backendOptions: { replicate: { cancelAfter: "5m", webhookEvents: ["completed"] } },
    });
    const [call] = h.fake.state.callsTo("POST", creates);
    expect(call?.headers).toMatchObject({ prefer: "wait=5", "cancel-after": "5m" });
    expect(h.fake.state.webhooks).toEqual([{ webhook: "https://example.org/hook", events: ["completed"] }]);
  });

  it("whose waited-for answer says processing with its output filled goes on until the end", async () => {
    await using h = await harness({}, { outputs: () => ["https://replicate.delivery/x/out.png"] });
    const { images } = await h.client.generate({ prompt: "a", steps: 10 });
    expect(images.map(({ url }) => url)).toEqual(["https://replicate.delivery/x/out.png"]);
    expect([...h.fake.state.predictions.values()][0]?.over).toBe(true);
  });

  it("names version, official model or deployment as each is created", async () => {
    await using h = await harness();
    const version = "a".repeat(64);
    await h.client.generate({ prompt: "a", model: `acme/painter:${version}` });
    await h.client.generate({ prompt: "a", model: "acme/official" });
    const { recipe } = await h.client.generate({ prompt: "a", model: "deployments/acme/mine" });
    const paths = h.fake.state.callsTo("POST", creates).map(({ path }) => path);
    expect(paths).toEqual([
      "/v1/predictions",
      "/v1/models/acme/official/predictions",
      "/v1/deployments/acme/mine/predictions",
    ]);
    expect(recipe.request.model).toBe("deployments/acme/mine");
  });

  it("looks its model's schema up once", async () => {
    await using h = await harness();
    await Promise.all([1, 2, 3].map(() => h.client.generate({ prompt: "a" })));
    expect(h.fake.state.callsTo("GET", /models/)).toHaveLength(1);
  });
});

describe("a model", () => {
  it("that does not exist, or is misspelt, says so before anything is made", async () => {
    await using h = await harness();
    const unknown = await failureOf(h.client.generate({ prompt: "a", model: "acme/nobody" }));
    expect(NotFoundError.isInstance(unknown) && unknown.message).toContain('no model "acme/nobody"');
    const malformed = await failureOf(h.client.generate({ prompt: "a", model: "flux" }));
    expect(malformed.message).toContain("owner/name");
    expect(h.fake.state.created).toBe(0);
  });
});
