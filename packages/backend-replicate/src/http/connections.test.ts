import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  AuthenticationError,
  ConnectionError,
  createClient,
  InvalidRequestError,
  NotFoundError,
  RateLimitError,
} from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { failureOf, harness } from "../testing/harness.ts";

const creates = /\/predictions$/;

describe("a create", () => {
  it("whose answer was lost is found among the newest predictions, and goes on as if nothing were", async () => {
    await using h = await harness();
    h.fake.faults.push({ method: "POST", path: creates, kind: { cut: "after" }, times: 9 });
    const job = h.client.generate({ prompt: "a", seed: 2n ** 63n, count: 9 });
    expect((await job).images.map(({ seed }) => String(seed)).at(-1)).toBe("9223372036854775816");
    expect(job.handle?.data.predictions).toHaveLength(9);
    expect(h.fake.state.created).toBe(9);
    expect(h.fake.state.callsTo("POST", creates)).toHaveLength(9);
  });

  it("whose answer was lost is cancelled where the job was", async () => {
    await using h = await harness();
    await h.client.capabilities();
    h.fake.faults.push({ method: "POST", path: creates, kind: { cut: "after" } });
    const job = h.client.generate({ prompt: "a", steps: 500 });
    while (h.fake.state.created === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    job.cancel();
    expect((await failureOf(job)).code).toBe("aborted");
    expect(h.fake.state.running).toBe(0);
  });

  it("is not taken for another's: of another model, prompt or seed", async () => {
    await using h = await harness();
    await h.client.generate({ prompt: "a", seed: 1, count: 2 });
    await h.client.generate({ prompt: "b", seed: 7 });
    await h.client.generate({ prompt: "a", seed: 7, model: "acme/dreamer" });
    await using other = createClient({ backend: h.newBackend() });
    h.fake.faults.push({ method: "POST", path: creates, kind: { cut: "before" } });
    const error = await failureOf(other.generate({ prompt: "a", seed: 7 }));
    expect(error.details.outcome).toBe("unknown");
  });

  it("whose connection breaks before an answer is not made again, and says that its outcome is unknown", async () => {
    for (const cut of ["before", "after"] as const) {
      await using h = await harness({ recover: false });
      h.fake.faults.push({ method: "POST", path: creates, kind: { cut }, times: 9 });
      const error = await failureOf(h.client.generate({ prompt: "a" }));
      expect(ConnectionError.isInstance(error)).toBe(true);
      expect(error.details.outcome).toBe("unknown");
      expect(error.retryable).toBe(false);
      expect(error.message).toMatch(/billed twice/);
      expect(h.fake.state.callsTo("POST", creates)).toHaveLength(1);
      expect(h.fake.state.created).toBe(cut === "after" ? 1 : 0);
    }
  });

  it("is not made again after 500, 502, 504, a cut or senseless answer", async () => {
    const faults = [
      { status: 500 },
      { status: 502 },
      { status: 504 },
      { cut: "middle" as const },
      { status: 201, body: "<html>" },
    ];
    for (const kind of faults) {
      await using h = await harness({ recover: false });
      h.fake.faults.push({ method: "POST", path: creates, kind, times: 9 });
      const error = await failureOf(h.client.generate({ prompt: "a" }));
      expect(error.details.outcome, JSON.stringify(kind)).toBe("unknown");
      expect(h.fake.state.callsTo("POST", creates)).toHaveLength(1);
    }
  });

  it("is made again after 429 and after 503 with Retry-After, and makes one prediction", async () => {
    await using h = await harness();
    h.fake.faults.push(
      { method: "POST", path: creates, kind: { status: 429, headers: { "retry-after": "0" } }, times: 7 },
      { method: "POST", path: creates, kind: { status: 503, headers: { "retry-after": "0" } } },
    );
    expect((await h.client.generate({ prompt: "a" })).images).toHaveLength(1);
    expect(h.fake.state.callsTo("POST", creates)).toHaveLength(9);
    expect(h.fake.state.created).toBe(1);
  });

  it("is not made again after 503 without Retry-After", async () => {
    await using h = await harness();
    h.fake.faults.push({ method: "POST", path: creates, kind: { status: 503 }, times: 9 });
    const error = await failureOf(h.client.generate({ prompt: "a" }));
    expect(ConnectionError.isInstance(error) && error.retryable).toBe(false);
    expect(error.details.outcome).toBe("unknown");
    expect(h.fake.state.callsTo("POST", creates)).toHaveLength(1);
  });

  it("that was asked to come back late is cancelled at once", async () => {
    await using h = await harness();
    await h.client.capabilities();
    const late = { status: 429, headers: { "retry-after": "60" } };
    h.fake.faults.push({ method: "POST", path: creates, kind: late });
    const job = h.client.generate({ prompt: "a" });
    while (h.fake.state.callsTo("POST", creates).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    job.cancel();
    expect((await failureOf(job)).code).toBe("aborted");
    expect(h.fake.state.created).toBe(0);
  });

  it("is made again while nobody listens, and then once", async () => {
    await using h = await harness({ retry: { retries: 40, minDelayMs: 20, maxDelayMs: 50 } });
    await h.client.capabilities();
    const { port } = new URL(h.fake.url);
    const api = h.fake.api;
    api.closeAllConnections();
    await new Promise((resolve) => api.close(resolve));
    const job = h.client.generate({ prompt: "a" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await new Promise<void>((resolve) => api.listen(Number(port), "127.0.0.1", resolve));
    expect((await job).images).toHaveLength(1);
    expect(h.fake.state.created).toBe(1);
  });

  it("that an abort overtakes is cancelled once it is known", async () => {
    await using h = await harness();
    await h.client.capabilities();
    h.fake.faults.push({ method: "POST", path: creates, kind: { delayMs: 150 } });
    const job = h.client.generate({ prompt: "a", steps: 400 });
    while (h.fake.state.callsTo("POST", creates).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    job.cancel();
    expect((await failureOf(job)).code).toBe("aborted");
    expect(h.fake.state.created).toBe(1);
    expect(h.fake.state.cancelled).toBe(1);
  });
});

describe("a poll", () => {
  it("is made again after a cut, a 5xx, a 429 and senseless JSON", async () => {
    await using h = await harness();
    const path = /\/predictions\/\w+$/;
    h.fake.faults.push(
      { method: "GET", path, kind: { cut: "before" } },
      { method: "GET", path, kind: { cut: "middle" } },
      { method: "GET", path, kind: { status: 502 } },
      { method: "GET", path, kind: { status: 429, headers: { "retry-after": "0" } } },
      { method: "GET", path, kind: { status: 200, body: "{" } },
    );
    expect((await h.client.generate({ prompt: "a", steps: 30 })).images).toHaveLength(1);
    expect(h.fake.faults).toEqual([]);
    expect(h.fake.state.created).toBe(1);
  });

  it("that fails for good names the prediction, which is left running for the handle", async () => {
    await using h = await harness({ retry: { retries: 1, minDelayMs: 1 } });
    h.fake.faults.push({ method: "GET", path: /\/predictions\/\w+$/, kind: { status: 500 }, times: 1000 });
    const job = h.client.generate({ prompt: "a", steps: 4 });
    const error = await failureOf(job);
    expect(error.details.predictionId).toBe([...h.fake.state.predictions.keys()][0]);
    expect(h.fake.state.cancelled).toBe(0);
    h.fake.faults.length = 0;
    expect((await h.client.resume(JSON.parse(JSON.stringify(job.handle)))).images).toHaveLength(1);
    expect(h.fake.state.created).toBe(1);
  });
});

describe("a server that is silent", () => {
  it("is asked again for a state, and for an output whose body does not go on", async () => {
    await using h = await harness({ timeoutMs: 300 });
    const path = /\/predictions\/\w+$/;
    h.fake.faults.push(
      { method: "GET", path, kind: { delayMs: 60_000 } },
      { method: "GET", path, kind: { cut: "never" } },
    );
    const { images } = await h.client.generate({ prompt: "a" });
    h.fake.deliveryFaults.push({ path: /out/, kind: { cut: "never" } });
    expect((await images[0]!.pixels()).width).toBe(24);
    expect(h.fake.state.callsTo("GET", path).length).toBeGreaterThanOrEqual(3);
  });

  it("is not asked again for a create", async () => {
    await using h = await harness({ timeoutMs: 300, recover: false });
    h.fake.faults.push({ method: "POST", path: creates, kind: { delayMs: 60_000 }, times: 9 });
    const error = await failureOf(h.client.generate({ prompt: "a" }));
    expect(error.details.outcome).toBe("unknown");
    expect(h.fake.state.callsTo("POST", creates)).toHaveLength(1);
  });
});

describe("the token", () => {
  it("goes to the API alone: not to outputs, streams, or where a redirect leads", async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere = createServer((request, reply) => {
      seen.push(request.headers.authorization);
      reply.end("{}");
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
    await using h = await harness();
    const { images } = await h.client.generate({ prompt: "stream" });
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/stolen`;
    h.fake.deliveryFaults.push({ path: /out/, kind: { status: 302, headers: { location } } });
    await failureOf(images[0]!.pixels());
    h.fake.faults.push({ path: creates, kind: { status: 307, headers: { location } } });
    const error = await failureOf(h.client.generate({ prompt: "a" }));
    expect(error.message).toMatch(/redirected/);
    expect(h.fake.state.calls.every(({ authorization }) => authorization === `Bearer ${h.fake.token}`)).toBe(true);
    expect(h.fake.state.deliveries.length).toBeGreaterThan(1);
    expect(h.fake.state.deliveries.map(({ authorization }) => authorization)).toEqual(
      h.fake.state.deliveries.map(() => null),
    );
    expect(seen).toEqual([undefined]);
    elsewhere.close();
  });

  it("stands in no error", async () => {
    await using h = await harness();
    h.fake.faults.push({ path: creates, kind: { status: 400, body: `{"detail":"bad token ${h.fake.token}"}` } });
    const error = await failureOf(h.client.generate({ prompt: "a" }));
    expect(JSON.stringify(error)).not.toContain(h.fake.token);
    expect(error.message).toContain("[redacted]");
  });
});

describe("an answer", () => {
  const cases = [
    [401, AuthenticationError],
    [402, AuthenticationError],
    [404, NotFoundError],
    [422, InvalidRequestError],
    [429, RateLimitError],
  ] as const;
  it.each(cases)("of HTTP %i is a typed error with the server's words", async (status, kind) => {
    await using h = await harness({ retry: { retries: 0, rateLimitPatienceMs: 0 } });
    const body = JSON.stringify({ detail: "- input.steps: must be a nicer number\n" });
    h.fake.faults.push({ path: creates, kind: { status, body, headers: { "retry-after": "7" } }, times: 9 });
    const error = await failureOf(h.client.generate({ prompt: "a" }));
    expect(kind.isInstance(error), error.name).toBe(true);
    expect(error.message).toContain("nicer number");
    expect(error.backend).toBe("replicate");
    expect(error.details.status).toBe(status);
    if (InvalidRequestError.isInstance(error))
      expect(error.issues[0]?.field).toBe("backendOptions.replicate.input.steps");
    if (RateLimitError.isInstance(error)) expect(error.details.retryAfterMs).toBe(7000);
  });
});
