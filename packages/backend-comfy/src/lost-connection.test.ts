import { type AddressInfo, createServer, type Socket } from "node:net";
import { type Client, createClient, type GenerationEvent, type GenerationInput } from "@latentkit/core";
import { collect, eventually, FakeComfy, type FakeComfyOptions, until } from "@latentkit/testing";
import { Agent } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { comfy } from "./comfy-backend.ts";
import type { ComfyOptions } from "./comfy-options.ts";

const fakes: FakeComfy[] = [];
const clients: Client[] = [];
const quick = { prompt: "stripes", width: 64, height: 64, steps: 4, seed: 1 } satisfies GenerationInput;
const long = { ...quick, steps: 60 };
const sampling = (event: GenerationEvent) => event.type === "progress" && event.phase === "sample";
const waiting = (event: GenerationEvent) => event.type === "queued" && event.position !== undefined;
const codes = (events: readonly GenerationEvent[]) =>
  events.flatMap((event) => (event.type === "warning" ? [event.code] : []));

function connect(url: string, options: ComfyOptions = {}): Client {
  const client = createClient({ backend: comfy({ url, pollMs: 100, cancelMs: 600, ...options }) });
  clients.push(client);
  return client;
}

async function setup(options: FakeComfyOptions = {}, own: ComfyOptions = {}) {
  const fake = await FakeComfy.start({ stepMs: 5, ...options });
  fakes.push(fake);
  return { fake, client: connect(fake.url, own) };
}

afterEach(async () => {
  for (const fake of fakes) fake.thaw();
  await Promise.all(clients.splice(0).map((client) => client.dispose()));
  await Promise.all(fakes.splice(0).map((fake) => fake.stop()));
});

describe("a connection whose other end is gone", () => {
  it.each(["view", "socket"] as const)("gives way to a new one (delivery %s)", async (delivery) => {
    // A busy machine answers late: the new one must not count as gone for that.
    const { fake, client } = await setup({}, { pingMs: 500, delivery });
    await client.generate(quick);
    fake.sockets.freeze();
    const { events } = await collect(client.generate({ ...quick, steps: 600, seed: 2 }));
    expect(events.some(sampling), "heard over the new one").toBe(true);
    expect(events.filter((event) => event.type === "image")).toHaveLength(1);
    expect(fake.sockets.opened).toBe(2);
    expect(fake.worker.runs).toHaveLength(2);
  });

  it.each([false, true])("does not hold up the end (own dispatcher: %s)", async (isOwn) => {
    const dispatcher = new Agent();
    const { fake, client } = await setup({}, isOwn ? { dispatcher } : {});
    const job = client.generate({ ...long, steps: 1000 });
    await until(job, sampling);
    fake.freeze();
    const ended = collect(job);
    await client.dispose();
    expect((await ended).error).toMatchObject({ code: "aborted" });
    fake.thaw();
    expect(await eventually(() => fake.sockets.open === 0), "nothing of it is left").toBe(true);
    await dispatcher.destroy();
    fake.worker.restart();
  });

  it("is told of when a cancel could not be confirmed", async () => {
    const { fake, client } = await setup();
    const job = client.generate({ ...long, steps: 1000 });
    await until(job, sampling);
    fake.freeze();
    job.cancel();
    const { events, error } = await collect(job);
    expect(error).toMatchObject({ code: "aborted" });
    const promptId = job.handle!.data["promptId"] as string;
    const told = events.find((event) => event.type === "warning");
    expect(told).toMatchObject({ code: "cancel_unconfirmed", message: expect.stringContaining(promptId) });
    fake.thaw();
    fake.worker.restart();
  });

  it("is told of when a job was cancelled on its way to a server that fell silent", async () => {
    const { fake, client } = await setup();
    await client.generate(quick);
    fake.freeze();
    const job = client.generate({ ...quick, seed: 2 });
    await eventually(() => fake.requests.filter(({ path }) => path === "/prompt").length === 2);
    job.cancel();
    const { events, error } = await collect(job);
    expect(error).toMatchObject({ code: "aborted" });
    expect(codes(events)).toEqual(["cancel_unconfirmed"]);
  });

  it("says nothing of a cancel that was confirmed", async () => {
    const { client } = await setup();
    const job = client.generate({ ...long, steps: 1000 });
    await until(job, sampling);
    job.cancel();
    expect(codes((await collect(job)).events)).toEqual([]);
  });

  it("is looked behind before a silent job counts as stalled", async () => {
    const { fake, client } = await setup({}, { stallMs: 1000 });
    const job = client.generate({ ...quick, steps: 400 });
    await until(job, sampling);
    fake.sockets.forgetAll();
    expect((await job).images).toHaveLength(1);
    expect(fake.sockets.opened).toBe(2);
  });
});

describe("a connection that comes back", () => {
  it("has the end that was missed looked up by then, not at the next look", async () => {
    const { fake, client } = await setup({ stepMs: 25 }, { pollMs: 600_000 });
    const job = client.generate(quick);
    await until(job, sampling);
    fake.sockets.dropAll();
    await eventually(() => fake.isIdle);
    expect(fake.sockets.opened, "it ended before the connection was back").toBe(1);
    expect((await job).images).toHaveLength(1);
  });
});

describe("a connection that breaks while files of a cached node are asked for", () => {
  it("costs no job that has ended well", async () => {
    const breaksHeads = new Agent().compose((dispatch) => (options, handler) => {
      const origin = options.method === "HEAD" ? "http://127.0.0.1:1" : options.origin;
      return dispatch({ ...options, ...(origin === undefined ? {} : { origin }) }, handler);
    });
    const { fake, client } = await setup({}, { dispatcher: breaksHeads });
    await client.generate(quick);
    const { images, warnings } = await client.generate(quick);
    expect((await images[0]!.bytes()).length).toBeGreaterThan(100);
    expect(warnings).toEqual([]);
    expect(fake.requests.some(({ method }) => method === "HEAD")).toBe(false);
    await breaksHeads.destroy();
  });
});

describe("a job that is cancelled by whoever is told of it", () => {
  it.each(["started", "sample", "preview"])("is stopped at once (%s)", async (which) => {
    const { fake, client } = await setup({}, { pollMs: 600_000, cancelMs: 1000 });
    let steps = 0;
    Object.defineProperty(fake.options, "stepMs", { get: () => (steps++ === 0 ? 0 : 600_000) });
    const job = client.generate({ ...quick, previewEvery: 1 });
    job.on("event", (event) => {
      if (event.type === which || (event.type === "progress" && event.phase === which)) job.cancel();
    });
    expect((await collect(job)).error).toMatchObject({ code: "aborted" });
    expect(fake.requests.filter(({ path }) => path === "/interrupt")).not.toEqual([]);
    fake.worker.restart();
  });
});

describe("a server that opens no WebSocket", () => {
  const closedTo = (fake: FakeComfy) => `${fake.url}/no-socket?token=s3cret-t0ken`;

  it("runs jobs, says what they lack and why, and takes none for stalled", async () => {
    const { fake } = await setup({ stepMs: 10 });
    const client = connect(fake.url, { webSocketUrl: closedTo(fake), stallMs: 150 });
    const { images, warnings } = await client.generate({ ...long, previewEvery: 1 });
    expect(images).toHaveLength(1);
    expect(warnings.map(({ code }) => code)).toEqual(["no_socket"]);
    expect(warnings[0]!.message).toContain("/no-socket: the server answered HTTP 403");
    expect(warnings[0]!.message).toContain("no progress and no previews");
    expect(warnings[0]!.message).not.toContain("s3cret-t0ken");
  });

  it("is refused a job whose pictures would come over it, before it is queued", async () => {
    const { fake } = await setup();
    const client = connect(fake.url, { webSocketUrl: closedTo(fake), delivery: "socket" });
    const { error } = await collect(client.generate(quick));
    expect(error).toMatchObject({ code: "connection", message: expect.stringContaining("HTTP 403") });
    expect(error).toMatchObject({ message: expect.stringContaining('delivery "view"') });
    expect(fake.prompts).toEqual([]);
  });

  /** Takes connections, and never says a word. */
  async function listenInSilence() {
    const opened: Socket[] = [];
    const silent = createServer((socket) => void opened.push(socket.on("error", () => {}).resume()));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    return { opened, silent, webSocketUrl: `ws://127.0.0.1:${(silent.address() as AddressInfo).port}` };
  }

  it("holds up one job only where it swallows the attempts", async () => {
    const { opened, silent, webSocketUrl } = await listenInSilence();
    const { fake } = await setup();
    const client = connect(fake.url, { webSocketUrl, timeoutMs: 1500 });
    const { warnings } = await client.generate(quick);
    expect(warnings[0]?.message).toContain(`No WebSocket could be opened at ${webSocketUrl}/: it does not answer.`);
    await client.generate({ ...quick, seed: 2 });
    expect(opened.at(-1)?.destroyed, "the next attempt goes on beside").toBe(false);
    await client.dispose();
    await new Promise((resolve) => silent.close(resolve));
  });

  it("does not hold up cancel and dispose while it is opened", async () => {
    const { opened, silent, webSocketUrl } = await listenInSilence();
    const { fake } = await setup();
    const client = connect(fake.url, { webSocketUrl });
    const job = client.generate(quick);
    await eventually(() => opened.length === 1);
    job.cancel();
    expect((await collect(job)).error).toMatchObject({ code: "aborted" });
    const left = new Promise((resolve) => opened[0]!.once("close", resolve));
    await client.dispose();
    await left;
    await new Promise((resolve) => silent.close(resolve));
    expect(fake.prompts).toEqual([]);
  });
});

describe("a worker between two jobs", () => {
  it("is no dead one, however often the queue is looked at", async () => {
    const { fake, client } = await setup({ gapMs: 4000 }, { pollMs: 5000 });
    const other = connect(fake.url).generate({ ...quick, steps: 40, seed: 9 });
    await until(other, sampling);
    const job = client.generate(quick);
    await until(job, waiting);
    await other;
    const seen: string[] = [];
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setTimeout(resolve, 430));
      seen.push(fake.worker.running === undefined ? "idle" : "running");
      fake.worker.tellStatus();
    }
    expect(seen, "as if others queued jobs in the gap").toEqual(["idle", "idle", "idle", "idle"]);
    expect((await job).images).toHaveLength(1);
  });
});
