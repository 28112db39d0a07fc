import { ConfigError, createClient, InvalidRequestError, type LatentKitError, ModelError } from "@latentkit/core";
import { describeBackend } from "@latentkit/testing";
import { describe, expect, it } from "vitest";
import { fromConfig, replicate } from "../replicate.ts";
import { type FakeCog, startFakeCog } from "../testing/fake-cog.ts";

describeBackend("replicate, a Cog server", async () => {
  const cog = await startFakeCog();
  return {
    backend: replicate({ url: cog.url, retry: { minDelayMs: 5 } }),
    request: { prompt: "a red apple", steps: 3 },
    longRequest: { prompt: "a red apple", steps: 500 },
    unsupported: { request: { prompt: "a", negativePrompt: "b" }, field: "negativePrompt" },
    failing: { prompt: "fail", steps: 2 },
    partlyFailing: { prompt: "fail odd seeds", steps: 2, seed: 4, count: 4 },
    workBegun: () => cog.created,
    isIdle: () => cog.running() === 0,
    teardown: () => cog.close(),
  };
});

describe("a Cog server", () => {
  const withCog = async (options: Parameters<typeof startFakeCog>[0], test: (cog: FakeCog) => Promise<void>) => {
    const cog = await startFakeCog(options);
    try {
      await test(cog);
    } finally {
      await cog.close();
    }
  };
  const failure = (job: PromiseLike<unknown>) =>
    Promise.resolve(job).then(
      () => expect.unreachable("it should have failed"),
      (error: unknown) => error as LatentKitError,
    );

  it("tells progress while the model runs, by webhooks on loopback", () =>
    withCog({}, async (cog) => {
      await using client = createClient({ backend: replicate({ url: cog.url }) });
      const steps: number[] = [];
      const job = client.generate({ prompt: "a", steps: 40 });
      for await (const event of job) if (event.type === "progress") steps.push(event.step);
      expect(steps.length).toBeGreaterThan(10);
      expect(steps.at(-1)).toBe(40);
    }));

  it("refuses what it cannot honour: deadlines, waits, and a webhook beside its own", () =>
    withCog({}, async (cog) => {
      const hook = "https://example.org/hook";
      for (const wrong of [{ cancelAfter: 60 }, { wait: 10 }, { webhook: hook }])
        expect(() => replicate({ url: cog.url, ...wrong }), JSON.stringify(wrong)).toThrow(ConfigError);
      await replicate({ url: cog.url, webhook: hook, progress: false }).dispose();
      await using client = createClient({ backend: replicate({ url: cog.url }) });
      const own = { cancelAfter: "5m", wait: 5, webhook: hook };
      const error = await failure(client.generate({ prompt: "a", backendOptions: { replicate: own } }));
      for (const field of Object.keys(own)) expect(error.message).toContain(`backendOptions.replicate.${field}`);
      expect(cog.created).toBe(0);
    }));

  it("works without progress where webhooks are off", () =>
    withCog({}, async (cog) => {
      await using client = createClient({ backend: replicate({ url: cog.url, progress: false }) });
      expect((await client.generate({ prompt: "a", steps: 2 })).images).toHaveLength(1);
    }));

  it("is never given Replicate's token", () =>
    withCog({}, async (cog) => {
      await using client = createClient({
        backend: fromConfig({ url: cog.url }, { REPLICATE_API_TOKEN: "r8_secret_token" }),
      });
      await client.generate({ prompt: "a", steps: 1 });
      expect(cog.authorizations.length).toBeGreaterThan(2);
      expect(new Set(cog.authorizations)).toEqual(new Set([undefined]));
    }));

  it("refuses a model's name: it has one model", () =>
    withCog({}, async (cog) => {
      await using client = createClient({ backend: replicate({ url: cog.url }) });
      const error = await failure(client.generate({ prompt: "a", model: "acme/painter" }));
      expect(InvalidRequestError.isInstance(error) && error.issues[0]?.field).toBe("model");
    }));

  it("tells why its setup failed", () =>
    withCog(
      { health: { status: "SETUP_FAILED", setup: { status: "failed", logs: "no weights in /src" } } },
      async (cog) => {
        await using client = createClient({ backend: replicate({ url: cog.url }) });
        const error = await failure(client.generate({ prompt: "a" }));
        expect(ModelError.isInstance(error) && error.message).toContain("no weights in /src");
      },
    ));

  it("takes a schema by option from a server that has none, and else says so", () =>
    withCog({ document: null }, async (cog) => {
      await using without = createClient({
        backend: replicate({ url: cog.url, retry: { retries: 0, rateLimitPatienceMs: 0 } }),
      });
      const error = await failure(without.generate({ prompt: "a" }));
      expect(ConfigError.isInstance(error) && error.message).toContain("openapi.json");
      const schema = { components: { schemas: { Input: { properties: { prompt: { type: "string" } } } } } };
      await using client = createClient({ backend: replicate({ url: cog.url, schema }) });
      expect((await client.generate({ prompt: "a" })).images).toHaveLength(1);
    }));
});
