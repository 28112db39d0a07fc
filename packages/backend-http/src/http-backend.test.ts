import { createClient } from "@latentkit/core";
import { hashApiKey, newApiKey, serve } from "@latentkit/server";
import { collect, describeBackend, eventually, memoryBackend, until } from "@latentkit/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { http } from "./http-backend.ts";

const key = newApiKey();

async function served(
  options: Parameters<typeof memoryBackend>[0] = {},
  serverOptions: Parameters<typeof serve>[1] = {},
) {
  const memory = memoryBackend({
    stepMs: 2,
    fails: (prompt, index) => prompt === "fail" || (prompt === "half" && index === 1),
    ...options,
  });
  const behind = createClient({ backend: memory });
  const server = await serve(behind, {
    port: 0,
    apiKeys: [hashApiKey(key)],
    maxSteps: 1000,
    heartbeatMs: 200,
    ...serverOptions,
  });
  const stop = async () => {
    await server.close(0);
    await behind.dispose();
  };
  return { memory, server, stop };
}

describeBackend("http", async () => {
  const { memory, server, stop } = await served();
  return {
    backend: http({ url: server.url, apiKey: key, capabilitiesMs: 0 }),
    request: { prompt: "a", steps: 2 },
    longRequest: { prompt: "a", steps: 800 },
    unsupported: { request: { task: "upscale", image: { base64: "AAAA" }, scale: 2 }, field: "task" },
    failing: { prompt: "fail" },
    partlyFailing: { prompt: "half", count: 3 },
    workBegun: () => memory.begun,
    isIdle: () => memory.running === 0,
    teardown: stop,
  };
});

describe("a LatentKit server as a backend", () => {
  it("says what is wrong as the backend behind it would", async () => {
    const { server, stop } = await served();
    onTestFinished(stop);
    const client = createClient({ backend: http({ url: server.url, apiKey: key }) });
    await expect(client.generate({ prompt: "fail" })).rejects.toMatchObject({ code: "generation", backend: "http" });
    await expect(client.generate({ prompt: "a", model: "/etc/passwd" })).rejects.toMatchObject({
      code: "unsupported",
      issues: [{ field: "model" }],
    });
    await expect(client.generate({ prompt: "a", count: 11 })).rejects.toMatchObject({
      code: "unsupported",
      issues: [{ field: "count" }],
    });
    const stranger = createClient({ backend: http({ url: server.url, apiKey: "wrong-key-of-mine" }) });
    const error = await stranger.generate({ prompt: "a" }).then(String, (reason: unknown) => reason);
    expect(error).toMatchObject({ code: "authentication" });
    expect(JSON.stringify(error)).not.toContain("wrong-key-of-mine");
    const nobody = createClient({ backend: http({ url: "http://127.0.0.1:9", timeoutMs: 500 }) });
    await expect(nobody.generate({ prompt: "a" })).rejects.toMatchObject({ code: "connection", retryable: true });
    expect(() => http({ url: "ftp://x" })).toThrow(/url/);
    expect(() => http({ url: "http://x", apiKey: "a\nb" })).toThrow(/apiKey/);
    for (const each of [client, stranger, nobody]) await each.dispose();
  });

  it("goes on with a job from another process, by its handle, without a second one", async () => {
    const { memory, server, stop } = await served({ stepMs: 10 });
    onTestFinished(stop);
    const first = createClient({ backend: http({ url: server.url, apiKey: key }) });
    const job = first.generate({ prompt: "a", steps: 40, seed: 5 });
    await until(job, (event) => event.type === "progress");
    const handle = JSON.parse(JSON.stringify(job.handle));
    const second = createClient({ backend: http({ url: server.url, apiKey: key }) });
    const [{ images }, again] = await Promise.all([job, second.resume(handle)]);
    expect(await again.images[0]!.pixels()).toEqual(await images[0]!.pixels());
    expect(memory.begun).toBe(1);
    await expect(second.resume({ ...handle, data: { id: "none" } })).rejects.toMatchObject({ code: "not_found" });
    for (const each of [first, second]) await each.dispose();
  });

  it("comes back behind the last event where the connection breaks, and loses nothing", async () => {
    const { memory, server, stop } = await served({ stepMs: 15 });
    onTestFinished(stop);
    const { createServer, connect } = await import("node:net");
    const sockets = new Set<import("node:net").Socket>();
    const proxy = createServer((socket) => {
      const upstream = connect(server.port, "127.0.0.1");
      sockets.add(socket);
      socket.pipe(upstream).pipe(socket);
      for (const end of [socket, upstream])
        end
          .on("error", () => {})
          .on("close", () => {
            socket.destroy();
            upstream.destroy();
          });
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void proxy.close());
    await new Promise((resolve) => proxy.once("listening", resolve));
    const client = createClient({
      backend: http({ url: `http://127.0.0.1:${(proxy.address() as { port: number }).port}`, apiKey: key }),
    });
    const job = client.generate({ prompt: "a", steps: 60, seed: 5 });
    const breaking = (async () => {
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => setTimeout(resolve, 250));
        for (const socket of sockets) socket.destroy();
      }
    })();
    const { events, error } = await collect(job);
    await breaking;
    expect(error).toBeUndefined();
    const steps = events.flatMap((event) => (event.type === "progress" ? [event.step] : []));
    expect(steps).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(memory.begun).toBe(1);
    await client.dispose();
  });

  it("cancels the job there when it is cancelled here", async () => {
    const { memory, server, stop } = await served({ stepMs: 20 });
    onTestFinished(stop);
    const client = createClient({ backend: http({ url: server.url, apiKey: key }) });
    const job = client.generate({ prompt: "a", steps: 500 });
    await until(job, (event) => event.type === "progress");
    job.cancel();
    await expect(job).rejects.toMatchObject({ code: "aborted" });
    expect(await eventually(() => memory.running === 0)).toBe(true);
    await client.dispose();
  });
});
