import {
  type Client,
  createClient,
  encodeImage,
  type GenerationEvent,
  type GenerationInput,
  type LatentKitError,
} from "@latentkit/core";
import { collect, describeBackend, eventually, FakeComfy, type FakeComfyOptions, until } from "@latentkit/testing";
import { afterEach, describe, expect, it } from "vitest";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import { type ComfyPoolOptions, comfyPool } from "./comfy-pool.ts";

describeBackend("a pool of two fake servers", async () => {
  const fails: NonNullable<FakeComfyOptions["fails"]> = (id, prompt) =>
    prompt["positive"]?.inputs["text"] === "fail" && id === "sampler" ? { message: "broken" } : undefined;
  const start = () => FakeComfy.start({ stepMs: 2, fails });
  const fakes = await Promise.all([start(), start()]);
  const size = { width: 64, height: 64 } as const;
  return {
    backend: comfyPool({ servers: fakes.map(({ url }) => url), pollMs: 200 }),
    request: { prompt: "stripes", steps: 4, ...size },
    longRequest: { prompt: "stripes", steps: 400, ...size },
    unsupported: { request: { prompt: "stripes", sampler: "none" }, field: "sampler" },
    failing: { prompt: "fail", ...size },
    workBegun: () => fakes.reduce((sum, fake) => sum + fake.prompts.length, 0),
    isIdle: () => fakes.every((fake) => fake.isIdle),
    teardown: () => Promise.all(fakes.map((fake) => fake.stop())).then(() => {}),
  };
});

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const quick = { prompt: "a fox", model: "tiny", width: 64, height: 64, steps: 4 } satisfies GenerationInput;
const sampling = { type: "progress", phase: "sample" };

async function pool(
  settings: FakeComfyOptions[],
  options: Partial<ComfyPoolOptions> = {},
): Promise<{ fakes: FakeComfy[]; client: Client }> {
  const fakes = await Promise.all(settings.map((own) => FakeComfy.start(own)));
  const backend = comfyPool({ servers: fakes.map(({ url }) => url), pollMs: 100, reconnectMs: 200, ...options });
  const client = createClient({ backend });
  closers.push(
    () => Promise.all(fakes.map((fake) => fake.stop())),
    () => client.dispose(),
  );
  return { fakes, client };
}

describe("comfyPool", () => {
  it("spreads jobs by load", async () => {
    const { fakes, client } = await pool([{ stepMs: 5 }, { stepMs: 5 }, { stepMs: 5 }]);
    await Promise.all(Array.from({ length: 9 }, (_, seed) => client.generate({ ...quick, seed })));
    expect(fakes.map((fake) => fake.prompts.length)).toEqual([3, 3, 3]);
  });

  it("chooses servers that have the model, and among equals one that has it loaded", async () => {
    const { fakes, client } = await pool([{ models: { checkpoints: ["other.ckpt"] } }, {}, {}]);
    await client.generate(quick);
    const first = fakes.findIndex((fake) => fake.prompts.length === 1);
    expect(first).toBeGreaterThan(0);
    for (const seed of [1, 2, 3]) await client.generate({ ...quick, seed });
    expect(fakes[first]!.prompts).toHaveLength(4);
    await client.generate({ ...quick, model: "other" });
    expect(fakes[0]!.prompts).toHaveLength(1);
    const error = (await client
      .generate({ ...quick, model: "none-has-it" })
      .catch((reason: unknown) => reason)) as LatentKitError;
    expect(error.code).toBe("invalid_request");
  });

  it("prefers the server that has the model loaded to the first one", async () => {
    const models = { checkpoints: ["tiny.safetensors", "other.safetensors"] };
    const { fakes, client } = await pool([{ stepMs: 5, models }, { models }]);
    const first = client.generate({ ...quick, steps: 200 });
    await until(first, (event) => event.type === "started");
    await client.generate({ ...quick, model: "other" });
    await first;
    await client.generate({ ...quick, model: "other", seed: 2 });
    expect(fakes.map((fake) => fake.prompts.length)).toEqual([1, 2]);
  });

  it("uses a server that failed again when it is well", async () => {
    const { fakes, client } = await pool([{ status: 500 }, {}]);
    await client.generate(quick);
    expect(fakes.map((fake) => fake.prompts.length)).toEqual([0, 1]);
    delete fakes[0]!.options.status;
    const isUsed = async () => {
      // A server with the model loaded may have one job before it: the third goes to the other one.
      await Promise.all([1, 2, 3].map((seed) => client.generate({ ...quick, seed: seed + fakes[1]!.prompts.length })));
      return fakes[0]!.prompts.length > 0;
    };
    expect(await eventually(isUsed)).toBe(true);
  });

  it("leaves a server alone that tells its queue, and breaks off what it is sent", async () => {
    const models = { checkpoints: ["tiny.safetensors", "other.safetensors"] };
    const { fakes, client } = await pool([
      { models, drop: 100 },
      { models, stepMs: 10 },
    ]);
    const first = client.generate({ ...quick, steps: 100 });
    await until(first, (event) => event.type === "warning" && event.code === "job_rerun");
    const sent = () => fakes[0]!.requests.filter(({ path }) => path === "/prompt").length;
    const before = sent();
    expect(before).toBeGreaterThan(0);
    expect((await client.generate({ ...quick, model: "other" })).warnings).toEqual([]);
    expect(sent()).toBe(before);
    await first;
  });

  it("waits for no server that takes connections and says nothing", async () => {
    const { fakes, client } = await pool([{}, {}], { healthMs: 30_000 });
    fakes[0]!.freeze();
    let isKnown = false;
    const health = (client.backend as ReturnType<typeof comfyPool>).health().then((answers) => {
      isKnown = true;
      return answers;
    });
    for (const seed of [1, 2, 3]) await client.generate({ ...quick, seed });
    expect(isKnown).toBe(false);
    expect(fakes[1]!.prompts).toHaveLength(3);
    fakes[0]!.thaw();
    expect((await health).map(({ reachable }) => reachable)).toEqual([true, true]);
  });

  it("tells of a server that did not answer in time", async () => {
    const { fakes, client } = await pool([{}, {}], { healthMs: 100 });
    fakes[0]!.freeze();
    const [hung, well] = await (client.backend as ReturnType<typeof comfyPool>).health();
    expect(hung).toMatchObject({ reachable: false, error: "it did not answer within 100 ms" });
    expect(well).toMatchObject({ reachable: true, jobs: 0 });
    fakes[0]!.thaw();
  });

  it("goes around a server that is down, and comes back to it", async () => {
    const { fakes, client } = await pool([{}, {}]);
    await fakes[0]!.hangUp();
    for (const seed of [1, 2]) expect((await client.generate({ ...quick, seed })).warnings).toEqual([]);
    expect(fakes[1]!.prompts).toHaveLength(2);
    const health = await (client.backend as ReturnType<typeof comfyPool>).health();
    expect(health.map(({ reachable }) => reachable)).toEqual([false, true]);
    await fakes[0]!.listen();
  });

  it("runs a lost job again elsewhere, says so, and gives no picture twice", async () => {
    const { fakes, client } = await pool([{ stepMs: 10 }, { stepMs: 10 }], { delivery: "socket" });
    const job = client.generate({ ...quick, steps: 60, count: 2 });
    await until(job, (event) => event.type === "image");
    const from = fakes.findIndex((fake) => fake.prompts.length === 1);
    fakes[from]!.restart();
    const { events } = await collect(job);
    const { images, warnings } = await job;
    expect(images.map(({ index }) => index)).toEqual([0, 1]);
    expect(warnings.map(({ code, message }) => [code, message.includes("may have been run twice")])).toEqual([
      ["job_rerun", true],
    ]);
    expect(events.filter((event) => event.type === "image")).toHaveLength(2);
    expect(fakes[1 - from]!.worker.runs).toHaveLength(1);
  });

  it("has every picture of a job whose server is gone, also those that lay there", async () => {
    const { fakes, client } = await pool([{ stepMs: 10 }, { stepMs: 10 }]);
    const job = client.generate({ ...quick, steps: 60, count: 2 });
    await until(job, (event) => event.type === "image");
    const from = fakes.findIndex((fake) => fake.prompts.length === 1);
    const [held] = job.images;
    await fakes[from]!.stop();
    const { images } = await job;
    expect(held!.url, "the one that was lost").toContain(fakes[from]!.url);
    expect(Buffer.from(await held!.bytes()).equals(await images[0]!.bytes())).toBe(true);
    expect(images.map(({ url }) => url?.startsWith(fakes[1 - from]!.url))).toEqual([true, true]);
    const bytes = await Promise.all(images.map((image) => image.bytes()));
    expect(bytes.every(({ length }) => length > 0)).toBe(true);
    await fakes[from]!.listen();
  });

  it("has a job's pictures and files when every server is gone afterwards", async () => {
    const { fakes, client } = await pool([{ stepMs: 2 }, { stepMs: 2 }]);
    const { images } = await client.generate({ ...quick, count: 2 });
    const workflow = defineWorkflow({
      workflow: await graphOf("tiny.safetensors"),
      parameters: {},
      outputs: { picture: { node: "save" } },
    });
    const { outputs } = await (client.backend as ReturnType<typeof comfyPool>).run(workflow, {});
    await Promise.all(fakes.map((fake) => fake.stop()));
    for (const image of [...images, ...outputs.picture]) expect((await image.bytes()).length).toBeGreaterThan(100);
    await Promise.all(fakes.map((fake) => fake.listen()));
  });

  it("runs workflows: on a server that has what they need, elsewhere when theirs is lost, and from a handle", async () => {
    const { fakes, client } = await pool([{ models: { checkpoints: ["other.ckpt"] } }, { stepMs: 10 }, { stepMs: 10 }]);
    const backend = client.backend as ReturnType<typeof comfyPool>;
    const workflow = defineWorkflow({
      workflow: await graphOf("tiny.safetensors"),
      parameters: { steps: { node: "sampler", input: "steps", type: "integer" } },
      outputs: { picture: { node: "save" } },
    });
    const first = await backend.run(workflow, { steps: 4 });
    expect((await first.outputs.picture[0]!.bytes()).length).toBeGreaterThan(100);
    const events: GenerationEvent[] = [];
    const running = backend.run(workflow, { steps: 60 }, { onEvent: (event) => events.push(event) });
    await eventually(() => events.some(({ type }) => type === "progress"));
    const from = fakes.findIndex((fake) => fake.worker.running !== undefined);
    fakes[from]!.restart();
    const { outputs } = await running;
    expect((await outputs.picture[0]!.bytes()).length).toBeGreaterThan(100);
    expect(outputs.picture[0]!.url).not.toContain(fakes[from]!.url);
    expect(events.flatMap((event) => (event.type === "warning" ? [event.code] : []))).toEqual(["job_rerun"]);
    expect(fakes[0]!.prompts).toEqual([]);
    const handles = events.flatMap((event) => (event.type === "queued" && event.handle ? [event.handle] : []));
    const again = await backend.resumeRun(workflow, JSON.parse(JSON.stringify(handles.at(-1))));
    expect(again.outputs.picture[0]!.url).toBe(outputs.picture[0]!.url);
    await expect(backend.resumeRun(workflow, { ...handles[0], url: "http://elsewhere" })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  it("runs a workflow of the editor's on a server that has its nodes", async () => {
    const { fakes, client } = await pool([{ withoutNodes: ["LoadImage"] }, { stepMs: 5 }]);
    const nodes = [
      { id: 1, type: "LoadImage", outputs: [{ name: "IMAGE", type: "IMAGE" }], widgets_values: ["x.png"] },
      { id: 2, type: "PreviewImage", inputs: [{ name: "images", type: "IMAGE", link: 1 }] },
    ];
    const workflow = defineWorkflow({
      workflow: { nodes, links: [[1, 1, 0, 2, 0, "IMAGE"]] },
      parameters: { photo: { node: "1", input: "image", type: "image" } },
      outputs: { picture: { node: "2" } },
    });
    const photo = await encodeImage({ width: 8, height: 8, channels: 3, data: new Uint8Array(192) }, "png");
    const { outputs } = await (client.backend as ReturnType<typeof comfyPool>).run(workflow, { photo });
    expect(outputs.picture[0]!.url).toContain(fakes[1]!.url);
  });

  it("lets a lost job fail where that is asked", async () => {
    const { fakes, client } = await pool([{ stepMs: 10 }, { stepMs: 10 }], { onLost: "fail" });
    const job = client.generate({ ...quick, steps: 60 });
    await until(job, (event) => event.type === sampling.type && "phase" in event && event.phase === sampling.phase);
    for (const fake of fakes) fake.restart();
    await expect(job.then()).rejects.toMatchObject({ details: { reason: "lost" } });
    expect(fakes.map((fake) => fake.prompts.length).sort()).toEqual([0, 1]);
  });

  it("does not run a job elsewhere that failed by itself", async () => {
    const fails = (id: string) => (id === "sampler" ? { message: "broken" } : undefined);
    const { fakes, client } = await pool([{ fails }, { fails }]);
    await expect(client.generate(quick).then()).rejects.toMatchObject({ code: "generation" });
    expect(fakes.map((fake) => fake.prompts.length).sort()).toEqual([0, 1]);
  });

  it("says when no server can be reached", async () => {
    const { fakes, client } = await pool([{}, {}]);
    await Promise.all(fakes.map((fake) => fake.hangUp()));
    await expect(client.generate(quick).then()).rejects.toMatchObject({
      code: "connection",
      message: expect.stringContaining("None of the pool's servers"),
    });
    await Promise.all(fakes.map((fake) => fake.listen()));
  });

  it.each([
    [{ servers: [] }, "servers"],
    [{ servers: ["http://a", "http://a/"] }, "named twice"],
    [{ servers: ["ftp://a"] }, "url"],
    [{ servers: ["http://a"], onLost: "maybe" }, "onLost"],
    [{ servers: ["http://a"], healthMs: 0 }, "healthMs"],
  ])("refuses %o", (options, message) => {
    expect(() => comfyPool(options as never)).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining(message) }),
    );
  });
});

/** A graph as a workflow's JSON has it. */
async function graphOf(checkpoint: string) {
  const fake = await FakeComfy.start({ models: { checkpoints: [checkpoint] } });
  const client = createClient({ backend: comfyPool({ servers: [fake.url] }) });
  await client.generate({ prompt: "a fox", model: checkpoint, width: 64, height: 64, steps: 4 });
  await client.dispose();
  await fake.stop();
  return fake.prompts[0]!["prompt"];
}
