import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  ConnectionError,
  type GenerationEvent,
  ImageError,
  lookupPublic,
  NotFoundError,
  type UrlPayload,
} from "@latentkit/core";
import { Agent } from "undici";
import { describe, expect, it } from "vitest";
import { makeDispatchers } from "../http/dispatcher.ts";
import type { ReplicateHttp } from "../http/replicate-http.ts";
import { fakePicture } from "../testing/fake-picture.ts";
import { failureOf, type Harness, harness } from "../testing/harness.ts";
import { Downloads } from "./downloads.ts";

const out = /^\/out\//;
const signal = new AbortController().signal;

async function payloadOf({ client }: Harness): Promise<UrlPayload> {
  const events: GenerationEvent[] = [];
  for await (const event of client.generate({ prompt: "a", seed: 7 })) events.push(event);
  const image = events.find((event) => event.type === "image");
  return image?.image as UrlPayload;
}

describe("an output of a service at a public address", () => {
  it("leads to no private one, by its URL, its name or a redirect", async () => {
    const asked: string[] = [];
    const server = createServer((request, reply) => {
      asked.push(request.url!);
      reply.writeHead(302, { location: "/b" }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const dispatchers = makeDispatchers({});
    // A name that was public when it was looked at, and leads here when it is connected to, meets the second lock.
    const toHere = { ...dispatchers, outputs: new Agent({ connect: { lookup: lookupPublic } }) };
    const downloads = (base: string) =>
      new Downloads({ base: new URL(base), dispatchers: toHere } as unknown as ReplicateHttp, {
        policy: "when-asked",
        maxBytes: 1000,
        retry: { retries: 0 },
        token: undefined,
        timeoutMs: 1000,
      });
    for (const host of ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"]) {
      const payload: UrlPayload = { kind: "url", url: `http://${host}:${port}/a` };
      await expect(downloads("https://1.1.1.1/v1").fetch(payload, signal)).rejects.toThrow(/not at a public address/);
    }
    expect(asked).toEqual([]);
    // A Cog server on this machine leads where it likes.
    const payload: UrlPayload = { kind: "url", url: `http://127.0.0.1:${port}/a` };
    await expect(downloads("http://127.0.0.1:1/").fetch(payload, signal)).rejects.toThrow(/without end/);
    expect(asked.length).toBeGreaterThan(1);
    server.closeAllConnections();
    server.close();
    await dispatchers.close();
    await toHere.outputs.destroy();
  });
});

describe("an output", () => {
  it("is fetched when it is asked for, and not before", async () => {
    await using h = await harness();
    const { images } = await h.client.generate({ prompt: "a", seed: 7 });
    expect(h.fake.state.deliveries).toEqual([]);
    const bytes = await images[0]!.bytes("png");
    expect(bytes.length).toBeGreaterThan(100);
    await images[0]!.pixels();
    expect(h.fake.state.deliveries).toHaveLength(1);
  });

  it("that breaks off is fetched anew, until it is whole", async () => {
    await using h = await harness();
    const payload = await payloadOf(h);
    h.fake.deliveryFaults.push(
      { path: out, kind: { cut: "middle" }, times: 2 },
      { path: out, kind: { cut: "before" } },
      { path: out, kind: { status: 503 } },
    );
    const bytes = await h.backend.fetchImage(payload, { signal });
    expect(Buffer.from(bytes)).toEqual(Buffer.from(await fakePicture("7", 24, 16)));
    expect(h.fake.state.deliveries).toHaveLength(5);
  });

  it("that never comes whole is a connection's error, and may be asked for again", async () => {
    await using h = await harness({ retry: { retries: 1, minDelayMs: 1 } });
    const { images } = await h.client.generate({ prompt: "a" });
    h.fake.deliveryFaults.push({ path: out, kind: { cut: "middle" }, times: 2 });
    const error = await failureOf(images[0]!.pixels());
    expect(ConnectionError.isInstance(error) && error.retryable).toBe(true);
    expect((await images[0]!.pixels()).width).toBe(24);
  });

  it("that was removed says so, and since when", async () => {
    await using h = await harness();
    const payload = { ...(await payloadOf(h)), expiresAt: "2026-01-01T00:00:00.000Z" };
    h.fake.deliveryFaults.push({ path: out, kind: { status: 404 } });
    const error = await failureOf(h.backend.fetchImage(payload, { signal }));
    expect(NotFoundError.isInstance(error) && error.message).toMatch(/expired at 2026-01-01.*an hour/);
  });

  it("that is no image, empty or too large is refused", async () => {
    await using h = await harness({ maxOutputBytes: 200 });
    const payload = await payloadOf(h);
    const fetched = () => failureOf(h.backend.fetchImage(payload, { signal }));
    const tooLarge = await fetched();
    expect(ImageError.isInstance(tooLarge) && tooLarge.message).toMatch(/larger than 200/);
    for (const [body, headers, message] of [
      ["<html>", { "content-type": "text/html" }, /no image \(text\/html\)/],
      ["{}", { "content-type": "application/octet-stream" }, /no image/],
      ["", { "content-type": "image/png", "content-length": "0" }, /empty/],
    ] as const) {
      h.fake.deliveryFaults.push({ path: out, kind: { status: 200, body, headers } });
      const error = await fetched();
      expect(ImageError.isInstance(error) && error.message).toMatch(message);
    }
  });

  it("is followed where it was moved to, without end it is not", async () => {
    await using h = await harness();
    const payload = await payloadOf(h);
    const location = new URL(payload.url).pathname;
    h.fake.deliveryFaults.push({ path: out, kind: { status: 302, headers: { location } }, times: 2 });
    expect((await h.backend.fetchImage(payload, { signal })).length).toBeGreaterThan(100);
    h.fake.deliveryFaults.push({ path: out, kind: { status: 302, headers: { location } }, times: 99 });
    expect((await failureOf(h.backend.fetchImage(payload, { signal }))).message).toMatch(/without end/);
  });

  it("whose first bytes come alone is not taken for no image", async () => {
    const picture = await fakePicture("7", 24, 16);
    await using server = createServer(async (_request, reply) => {
      reply.writeHead(200, { "content-type": "image/png" }).write(picture.subarray(0, 4));
      await new Promise((resolve) => setTimeout(resolve, 50));
      reply.end(picture.subarray(4));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await using h = await harness();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.png`;
    const bytes = await h.backend.fetchImage({ kind: "url", url }, { signal });
    expect(Buffer.from(bytes)).toEqual(Buffer.from(picture));
  });

  it("comes as a stream of bytes too", async () => {
    await using h = await harness();
    const chunks: Uint8Array[] = [];
    for await (const chunk of h.backend.streamImage(await payloadOf(h), { signal })) chunks.push(chunk);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from(await fakePicture("7", 24, 16)));
  });

  it("that breaks off as a stream is a connection's error; one that does not begin is asked for again", async () => {
    await using h = await harness();
    const payload = await payloadOf(h);
    const read = async () => {
      for await (const _ of h.backend.streamImage(payload, { signal }));
    };
    h.fake.deliveryFaults.push({ path: out, kind: { status: 503 } }, { path: out, kind: { cut: "before" } });
    await read();
    expect(h.fake.state.deliveries).toHaveLength(3);
    h.fake.deliveryFaults.push({ path: out, kind: { cut: "middle" } });
    expect(ConnectionError.isInstance(await failureOf(read()))).toBe(true);
  });

  it("stops being fetched when that is aborted", async () => {
    await using h = await harness();
    const payload = await payloadOf(h);
    const controller = new AbortController();
    h.fake.deliveryFaults.push({ path: out, kind: { delayMs: 10_000 } });
    const fetching = h.backend.fetchImage(payload, { signal: controller.signal });
    controller.abort(new Error("enough"));
    expect((await failureOf(fetching)).message).toBe("enough");
  });
});

describe("the download policy", () => {
  it("at-once fetches each picture as it comes", async () => {
    await using h = await harness({ download: "at-once" });
    const { images } = await h.client.generate({ prompt: "a", count: 2 });
    while (h.fake.state.deliveries.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await images[0]!.pixels()).width).toBe(24);
    expect((await images[1]!.pixels()).width).toBe(24);
    expect(h.fake.state.deliveries, "reading fetches nothing more").toHaveLength(2);
  });

  it("before-expiry fetches what is still held when the hour is nearly over", async () => {
    // The fake's prediction ended 56 minutes ago: its outputs are within the last five minutes.
    await using h = await harness({}, { endedAgoMs: 56 * 60_000 });
    const { images } = await h.client.generate({ prompt: "a" });
    while (h.fake.state.deliveries.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await images[0]!.pixels()).width).toBe(24);
    expect(h.fake.state.deliveries, "reading fetches nothing more").toHaveLength(1);
  });

  it("before-expiry does not fetch again what was read", async () => {
    await using h = await harness({ download: "when-asked" });
    const downloads = new Downloads({ base: new URL(h.fake.url), dispatchers: { calls: new Agent() } } as never, {
      policy: "before-expiry",
      maxBytes: 1e6,
      retry: {},
      token: undefined,
      timeoutMs: 1000,
    });
    const read = { ...(await payloadOf(h)), expiresAt: new Date().toISOString() };
    await downloads.fetch(read, signal);
    downloads.watch(read);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(h.fake.state.deliveries).toHaveLength(1);
    downloads.close();
  });

  it("when-asked fetches nothing by itself", async () => {
    await using h = await harness({ download: "when-asked" }, { endedAgoMs: 56 * 60_000 });
    await h.client.generate({ prompt: "a" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(h.fake.state.deliveries).toEqual([]);
  });
});
