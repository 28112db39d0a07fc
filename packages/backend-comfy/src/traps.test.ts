import {
  AbortedError,
  type Client,
  createClient,
  GenerationError,
  type GenerationEvent,
  type GenerationInput,
  type JobHandle,
  type LatentKitError,
  TimeoutError,
} from "@latentkit/core";
import { bareImage, collect, eventually, FakeComfy, type FakeComfyOptions, until } from "@latentkit/testing";
import { afterEach, describe, expect, it } from "vitest";
import { comfy } from "./comfy-backend.ts";
import type { ComfyOptions } from "./comfy-options.ts";

const fakes: FakeComfy[] = [];
const clients: Client[] = [];
const quick = { prompt: "stripes", width: 64, height: 64, steps: 4, seed: 1 } satisfies GenerationInput;
const long = { ...quick, steps: 60 };

async function serve(options: FakeComfyOptions = {}): Promise<FakeComfy> {
  const fake = await FakeComfy.start({ stepMs: 2, ...options });
  fakes.push(fake);
  return fake;
}

function connect(fake: FakeComfy, options: ComfyOptions = {}): Client {
  const client = createClient({ backend: comfy({ url: fake.url, pollMs: 100, cancelMs: 3000, ...options }) });
  clients.push(client);
  return client;
}

async function setup(options: FakeComfyOptions = {}, own: ComfyOptions = {}) {
  const fake = await serve(options);
  return { fake, client: connect(fake, own) };
}

const steps = (events: readonly GenerationEvent[]) =>
  events.flatMap((event) => (event.type === "progress" && event.phase === "sample" ? [event.step] : []));
const rejection = (promise: PromiseLike<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as LatentKitError,
  );
/** No socket: only queue and history tell of a job. */
const unheard = (fake: FakeComfy): ComfyOptions => ({ webSocketUrl: `${fake.url}/no-socket` });
const sampling = (event: GenerationEvent) => event.type === "progress" && event.phase === "sample";

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.dispose()));
  await Promise.all(fakes.splice(0).map((fake) => fake.stop()));
});

describe("traps of the real server", () => {
  it("1: finds out that a socket which came back too early is open and dead, and replaces it", async () => {
    const { fake, client } = await setup({ stepMs: 10 });
    fake.sockets.cleanupMs = 600;
    const first = client.generate({ ...long, steps: 200 });
    await until(first, sampling);
    fake.sockets.dropAll();
    await eventually(() => fake.sockets.opened === 2);
    fake.sockets.cleanupMs = 0;
    await eventually(() => fake.sockets.opened === 2 && fake.sockets.open === 1);
    await new Promise((resolve) => setTimeout(resolve, 700));
    const second = client.generate({ ...quick, seed: 2 });
    expect(await eventually(() => fake.sockets.opened >= 3), "a third connection").toBe(true);
    const { events } = await collect(second);
    expect((await first).images).toHaveLength(1);
    expect(steps(events), "events of the job behind come again").toContain(4);
    expect(fake.worker.runs).toHaveLength(2);
  });

  it("1: notices by its own prompt that nobody speaks to its socket any more", async () => {
    const { fake, client } = await setup({ stepMs: 40 }, { pollMs: 5000 });
    const running = client.generate(long);
    await until(running, sampling);
    fake.sockets.forgetAll();
    const { events } = await collect(client.generate({ ...quick, seed: 2 }));
    expect(steps(events)).toContain(4);
    expect(fake.sockets.opened).toBe(2);
    await running;
  });

  it("1: lets the server say goodbye to the old connection before it opens the next", async () => {
    const { fake, client } = await setup();
    await client.generate(quick);
    fake.sockets.freeze();
    // The connection is closed a second after the last job, and the server does not hear of it yet.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const job = client.generate({ ...quick, seed: 2 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    fake.sockets.thaw();
    const { events } = await collect(job);
    expect(steps(events)).toContain(4);
    expect(fake.sockets.opened).toBe(2);
    expect(fake.sockets.overlaps).toBe(0);
  });

  it("2: asks for metadata first on every connection, and reads what it missed from the history", async () => {
    const { fake, client } = await setup();
    const job = client.generate(long);
    await until(job, sampling);
    fake.sockets.forgetAll();
    fake.sockets.dropAll();
    const { images } = await job;
    expect(images).toHaveLength(1);
    expect(await eventually(() => fake.sockets.firstFrames.length >= 2)).toBe(true);
    for (const frame of fake.sockets.firstFrames) {
      expect(frame).toEqual({ type: "feature_flags", data: { supports_preview_metadata: true } });
    }
  });

  it("2: has pictures sent again that were lost with the socket, and says so", async () => {
    const { fake, client } = await setup({}, { delivery: "socket" });
    fake.sockets.losesPictures = 1;
    const { images, warnings } = await client.generate(quick);
    expect(await images[0]!.size()).toEqual({ width: 64, height: 64 });
    expect(warnings.map(({ code }) => code)).toEqual(["job_rerun"]);
  });

  it("3: waits for the history, which is written after execution_success", async () => {
    const { client } = await setup({ historyDelayMs: 700 });
    expect((await client.generate(quick)).images).toHaveLength(1);
  });

  it.each([
    ["empty", { status: 200, body: "" }],
    ["cut", { status: 200, body: '{"abc": {"outp' }],
    ["a proxy's page", { status: 200, body: "<html>Checking your browser</html>" }],
    ["not found", { status: 404, body: "" }],
    ["an error of the server's", { status: 500, body: "boom" }],
  ])("3: asks again where the first answer about an ended job is %s", async (_, answer) => {
    const { fake } = await setup({ historyAnswers: [answer, answer] });
    expect((await connect(fake, unheard(fake)).generate(quick)).images).toHaveLength(1);
    expect(fake.worker.runs).toHaveLength(1);
    expect(fake.historyRequests).toBeGreaterThan(2);
  });

  it("3: needs no history of a job that it has heard whole, and reads it after any gap", async () => {
    const { fake, client } = await setup({ stepMs: 10 });
    const looks = () => fake.requests.filter(({ path }) => path.startsWith("/history/")).length;
    expect((await client.generate(quick)).images).toHaveLength(1);
    expect((await client.generate(quick)).images, "from the server's cache").toHaveLength(1);
    expect(looks()).toBe(0);
    const job = client.generate({ ...quick, steps: 100, seed: 2 });
    await until(job, sampling);
    fake.sockets.dropAll();
    expect((await job).images).toHaveLength(1);
    expect(looks()).toBeGreaterThan(0);
  });

  it("3: gives up asking after reconnectMs, and at once where a key is refused", async () => {
    const historyAnswers = Array.from({ length: 100 }, () => ({ status: 404, body: "" }));
    const { fake } = await setup({ historyAnswers });
    const error = await rejection(connect(fake, { ...unheard(fake), reconnectMs: 500 }).generate(quick));
    expect(error).toMatchObject({ code: "connection", details: { reason: "unreachable" } });
    expect(error!.message).toContain("HTTP 404");
    const { fake: closed } = await setup({ historyAnswers: [{ status: 401, body: "" }] });
    expect(await rejection(connect(closed, unheard(closed)).generate(quick))).toMatchObject({ code: "authentication" });
  });

  it("8: takes the pictures that it heard of, where somebody has cleared the history", async () => {
    const { fake, client } = await setup({ clearsHistory: true });
    const { images, warnings } = await client.generate({ ...quick, count: 2 });
    expect(images).toHaveLength(2);
    expect((await images[1]!.bytes()).length).toBeGreaterThan(100);
    expect(warnings).toEqual([]);
    expect(fake.worker.runs).toHaveLength(1);
  });

  it("8: tells what failed, where somebody has cleared the history", async () => {
    const fails = (id: string) => (id === "decode" ? { message: "no colours left" } : undefined);
    const { client } = await setup({ clearsHistory: true, fails });
    const error = await rejection(client.generate(quick));
    expect(error).toMatchObject({ code: "generation", message: expect.stringContaining("no colours left") });
  });

  it("4: does not end at a blocked branch, and does end at an error that the status calls success", async () => {
    const blocked = await setup({
      fails: (id) => (id === "negative" ? { message: "blocked", blocks: true } : undefined),
    });
    const { images, warnings } = await blocked.client.generate(quick);
    expect(images).toHaveLength(1);
    expect(warnings.map(({ code }) => code)).toEqual(["branch_blocked"]);
    const lying = await setup({
      lyingStatus: true,
      fails: (id) => (id === "decode" ? { message: "broken" } : undefined),
    });
    const error = await rejection(lying.client.generate(quick));
    expect(error).toMatchObject({ code: "generation", message: "ComfyUI failed in node decode (VAEDecode): broken" });
  });

  it("4: hands no orders to the terminal on", async () => {
    const message = "\u001b[31mred\u001b[0m \u001b]0;title\u0007and\u001b[2J\u009b1m plain\r";
    const { client } = await setup({ fails: (id) => (id === "decode" ? { message } : undefined) });
    const error = await rejection(client.generate(quick));
    expect(error!.message).toBe("ComfyUI failed in node decode (VAEDecode): red and1m plain");
  });

  it("4: tells running out of memory apart", async () => {
    const { client } = await setup({
      fails: (id) =>
        id === "sampler" ? { message: "Allocation on device", type: "torch.OutOfMemoryError" } : undefined,
    });
    expect(await rejection(client.generate(quick))).toMatchObject({
      code: "out_of_memory",
      details: { node: "sampler" },
    });
  });

  it("5: surfaces outputs that were dropped although the answer was 200", async () => {
    const { client } = await setup({ dropsOutputs: ["save-1"] });
    const { images, failures, warnings } = await client.generate({ ...quick, count: 2 });
    expect(images.map(({ index }) => index)).toEqual([0]);
    expect(failures.map(({ index }) => index)).toEqual([1]);
    expect(warnings.map(({ code }) => code)).toEqual(["output_dropped", "image_failed"]);
    expect(warnings[0]!.message).toContain("Custom validation failed");
  });

  it("6: gives a cached picture again, and makes one anew whose file was deleted", async () => {
    const { fake, client } = await setup();
    const first = await client.generate(quick);
    const pixels = await first.images[0]!.pixels();
    const cached = await client.generate(quick);
    expect(cached.images[0]!.url).toBe(first.images[0]!.url);
    fake.worker.files.clear();
    const again = await client.generate(quick);
    expect(again.warnings.map(({ code }) => code)).toEqual(["job_rerun"]);
    expect(await again.images[0]!.pixels()).toEqual(pixels);
  });

  it("7: cancels a waiting job by its id, and leaves other people's jobs alone", async () => {
    const { fake, client } = await setup({ stepMs: 5 });
    const other = connect(fake).generate({ ...long, seed: 9 });
    await until(other, sampling);
    const job = client.generate(quick);
    await until(job, (event) => event.type === "queued");
    job.cancel();
    expect(AbortedError.isInstance(await rejection(job))).toBe(true);
    expect(fake.worker.queue).toEqual([]);
    expect((await other).images).toHaveLength(1);
    expect(fake.worker.runs).toHaveLength(1);
    expect(fake.globalInterrupts).toBe(0);
  });

  it.each([100, 4])(
    "7: cancels in one call where the server has one for it (waiting behind %s steps)",
    async (steps) => {
      const { fake, client } = await setup({ stepMs: 5, hasJobsApi: true });
      const running = client.generate({ ...long, steps });
      await until(running, sampling);
      const waiting = client.generate({ ...long, steps: 300, seed: 2 });
      await until(waiting, (event) => event.type === "queued");
      if (steps === 4) await until(waiting, sampling);
      waiting.cancel();
      expect(await rejection(waiting)).toMatchObject({ code: "aborted" });
      expect((await running).images).toHaveLength(1);
      expect(await eventually(() => fake.isIdle)).toBe(true);
      expect(fake.requests.some(({ path }) => /^\/api\/jobs\/[^/]+\/cancel$/.test(path))).toBe(true);
      expect(
        fake.requests.some(({ method, path }) => method === "POST" && ["/queue", "/interrupt"].includes(path)),
      ).toBe(false);
    },
  );

  it("7: cancels a running job by its id, and the next one goes on", async () => {
    const { fake, client } = await setup({ stepMs: 10 });
    const job = client.generate({ ...long, steps: 1000 });
    await until(job, sampling);
    const next = client.generate({ ...quick, seed: 3 });
    job.cancel();
    expect(AbortedError.isInstance(await rejection(job))).toBe(true);
    expect((await next).images).toHaveLength(1);
    const { status } = fake.worker.history.get((job.handle as JobHandle).data["promptId"] as string)!;
    expect(status.messages.map(([event]) => event)).toContain("execution_interrupted");
    expect(fake.globalInterrupts).toBe(0);
  });

  it("8: tells a job that somebody removed, or that a restart swept away, from slow work", async () => {
    const { fake, client } = await setup({ stepMs: 5 });
    const running = client.generate({ ...long, steps: 100 });
    await until(running, sampling);
    const waiting = client.generate(quick);
    await until(waiting, (event) => event.type === "queued");
    fake.worker.delete((waiting.handle as JobHandle).data["promptId"] as string);
    expect(await rejection(waiting)).toMatchObject({
      code: "generation",
      retryable: true,
      details: { reason: "lost" },
    });
    expect(running.status, "slow work goes on").toBe("running");
    fake.restart();
    expect(await rejection(running)).toMatchObject({ retryable: true, details: { reason: "lost" } });
  });

  it("9: finds a worker that died over somebody's node without inputs, and takes its job back", async () => {
    const { fake, client } = await setup({}, { queueStallMs: 400 });
    await fetch(`${fake.url}/prompt`, {
      method: "POST",
      body: JSON.stringify({ prompt: { a: { class_type: "SaveImage" } } }),
    }).catch(() => {});
    fake.worker.put([0, crypto.randomUUID(), { a: { class_type: "SaveImage" } } as never, {}, ["a"]]);
    const error = await rejection(client.generate(quick));
    expect(GenerationError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ details: { reason: "worker_dead" } });
    expect(fake.worker.queue, "what was queued is cleaned up").toEqual([]);
    const { server } = client.backend as ReturnType<typeof comfy>;
    expect(await server.queue()).toMatchObject({ runsDeadly: true });
  });

  it("9: ends a running job that shows no sign of life", async () => {
    const { fake, client } = await setup({ stepMs: 100_000 }, { stallMs: 300, cancelMs: 300 });
    const error = await rejection(client.generate(quick));
    expect(TimeoutError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ details: { reason: "stalled" } });
    fake.worker.restart();
  });

  it.each([
    ["answers 500 after queueing", { enqueueThen500: 1 }],
    ["breaks off after queueing", { enqueueThenDrop: 1 }],
    ["breaks off before queueing", { drop: 1 }],
  ])("10: runs a job once when the server %s", async (_, fault) => {
    const { fake, client } = await setup(fault);
    expect((await client.generate(quick)).images).toHaveLength(1);
    expect(fake.prompts).toHaveLength(1);
    expect(fake.worker.runs).toHaveLength(1);
  });

  it("10: finds a job in the history that has ended before the server's failure is heard of", async () => {
    const { fake, client } = await setup({ enqueueThen500: 1, answersAfterEnd: true });
    expect((await client.generate(quick)).images).toHaveLength(1);
    expect(fake.prompts).toHaveLength(1);
    expect(fake.worker.runs).toHaveLength(1);
  });

  it("10: sends a job again when the server has asked for, where it is busy", async () => {
    const { fake, client } = await setup({ busyMs: 1500, retryAfter: "2" });
    expect((await client.generate(quick)).images).toHaveLength(1);
    expect(fake.requests.filter(({ path }) => path === "/prompt")).toHaveLength(2);
  });

  it("11: takes nothing of other clients' frames for its own", async () => {
    const { fake, client } = await setup({ foreignFrames: true });
    const job = client.generate({ ...long, previewEvery: 1 });
    await until(job, (event) => event.type === "started");
    const stray = Buffer.from("stray");
    fake.sockets.send("executing", { node: "x", prompt_id: "00000000-0000-4000-8000-00000000beef" });
    fake.sockets.sendBytes(bareImage(stray, "image/png"));
    const { events } = await collect(job);
    const sampled = steps(events);
    expect(sampled).toEqual([...new Set(sampled)].sort((a, b) => a - b));
    expect(sampled.at(-1)).toBe(60);
    const previews = events.filter((event) => event.type === "preview");
    expect(previews.some(({ image }) => "base64" in image && image.base64 === stray.toString("base64"))).toBe(false);
  });

  it("12: counts the steps of an expanded node under the node that the graph has", async () => {
    const { client } = await setup({ expandsSamplers: true });
    const { events } = await collect(client.generate(quick));
    expect(steps(events)).toEqual([1, 2, 3, 4]);
  });

  it("13: carries seeds exactly, there and back", async () => {
    const { fake, client } = await setup();
    const seed = 2n ** 64n - 1n;
    const { images } = await client.generate({ ...quick, seed, count: 2 });
    expect(images.map((image) => image.seed)).toEqual([seed.toString(), 0]);
    const { prompt } = fake.prompts[0] as { prompt: Record<string, { inputs: Record<string, unknown> }> };
    expect(prompt["sampler"]!.inputs["seed"]).toBe(seed);
    expect(prompt["sampler-1"]!.inputs["seed"]).toBe(0);
  });

  it("14: asks for previews where wanted, and for none where not", async () => {
    const { fake, client } = await setup({}, { previewMethod: "latent2rgb" });
    // Of previews, a reader gets the newest: a listener hears each.
    const job = client.generate({ ...quick, steps: 6, previewEvery: 2 });
    const shown: number[] = [];
    job.on("preview", ({ step }) => shown.push(step));
    await job;
    expect(shown).toEqual([2, 4, 6]);
    await client.generate({ ...quick, seed: 2 });
    expect(fake.prompts.map(({ extra_data }) => (extra_data as Record<string, unknown>)["preview_method"])).toEqual([
      "latent2rgb",
      "none",
    ]);
  });

  it("14: says so where previews were asked for and the server makes none", async () => {
    const { client } = await setup({ lacksPreviews: true });
    const { warnings } = await client.generate({ ...quick, previewEvery: 1 });
    expect(warnings).toMatchObject([{ code: "no_previews", field: "previewEvery" }]);
    expect((await client.generate(quick)).warnings).toEqual([]);
    const { client: other } = await setup();
    expect((await other.generate({ ...quick, previewEvery: 2 })).warnings).toEqual([]);
  });

  it("14: pings, and leaves a connection whose other end is gone", async () => {
    const { fake, client } = await setup({ answersPings: false, stepMs: 300 }, { pingMs: 40 });
    const job = client.generate(quick);
    expect(await eventually(() => fake.sockets.opened >= 2)).toBe(true);
    expect(fake.sockets.pings).toBeGreaterThan(0);
    expect((await job).images).toHaveLength(1);
  });

  it("15: sends neither Origin nor Sec-Fetch-Site, which the server would refuse", async () => {
    const { fake, client } = await setup();
    await client.generate(quick);
    expect(fake.sockets.opened).toBe(1);
    for (const { headers } of fake.requests) {
      expect(headers.origin).toBeUndefined();
      expect(headers["sec-fetch-site"]).toBeUndefined();
    }
  });
});

describe("connections", () => {
  it("sits out a server that is away for a while", async () => {
    const { fake, client } = await setup({ stepMs: 10 });
    const job = client.generate(long);
    await until(job, sampling);
    await fake.hangUp();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await fake.listen();
    expect((await job).images).toHaveLength(1);
    expect(fake.worker.runs).toHaveLength(1);
  });

  it("needs no socket at all, where a proxy lets none through", async () => {
    const { fake, client } = await setup({}, { webSocketUrl: "ws://127.0.0.1:1/ws" });
    const { images } = await client.generate(long);
    expect(images).toHaveLength(1);
    expect(fake.sockets.opened).toBe(0);
  });

  it("gives up a server that stays away, and says how to come back to the job", async () => {
    const { fake, client } = await setup({ stepMs: 10 }, { reconnectMs: 300 });
    const job = client.generate(long);
    await until(job, sampling);
    await fake.hangUp();
    expect(await rejection(job)).toMatchObject({
      code: "connection",
      retryable: true,
      details: { reason: "unreachable" },
    });
    await fake.listen();
    const { images } = await connect(fake).resume(JSON.parse(JSON.stringify(job.handle)));
    expect(images).toHaveLength(1);
  });

  it("goes on with a running job from a handle, with its progress", async () => {
    const { fake, client } = await setup({ stepMs: 10 });
    const job = client.generate(long);
    await until(job, sampling);
    fake.sockets.forgetAll();
    const handle = JSON.parse(JSON.stringify(job.handle)) as JobHandle;
    const { events, error } = await collect(connect(fake).resume(handle));
    expect(error).toBeUndefined();
    expect(steps(events)).toContain(60);
    expect(events.some((event) => event.type === "image")).toBe(true);
    expect(fake.worker.runs).toHaveLength(1);
    await job;
  });

  it("refuses a handle that the server does not know", async () => {
    const { fake, client } = await setup();
    const job = client.generate(quick);
    await job;
    fake.restart();
    expect(await rejection(client.resume(job.handle!))).toMatchObject({ code: "not_found" });
    const foreign = { ...job.handle!, data: { ...job.handle!.data, url: "http://127.0.0.1:1" } };
    expect(await rejection(client.resume(foreign))).toMatchObject({ code: "not_found" });
    expect(await rejection(client.resume({ ...job.handle!, data: {} }))).toMatchObject({ code: "not_found" });
  });

  it("tells places in the queue", async () => {
    const { fake, client } = await setup({ stepMs: 10 });
    const front = connect(fake).generate(long);
    await until(front, sampling);
    const { events } = await collect(client.generate(quick));
    const positions = events.flatMap((event) =>
      event.type === "queued" && event.position !== undefined ? [event.position] : [],
    );
    expect(positions[0]).toBe(1);
    await front;
  });

  it("keeps the socket of a job that began right after another", async () => {
    const { fake, client } = await setup({ stepMs: 30 });
    await client.generate(quick);
    const { events } = await collect(client.generate({ ...long, seed: 2 }));
    expect(steps(events)).toContain(60);
    expect(fake.sockets.opened).toBe(1);
  });

  it("holds one socket for many jobs, and closes it after the last", async () => {
    const { fake, client } = await setup();
    const jobs = Array.from({ length: 8 }, (_, seed) => client.generate({ ...quick, seed }));
    expect((await Promise.all(jobs)).map(({ images }) => images.length)).toEqual(Array(8).fill(1));
    expect(fake.sockets.opened).toBe(1);
    expect(await eventually(() => fake.sockets.open === 0)).toBe(true);
    expect((await client.generate(quick)).images).toHaveLength(1);
  });
});
