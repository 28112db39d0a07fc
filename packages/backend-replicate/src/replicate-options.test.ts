import { ConfigError, loadClient, UnsupportedError } from "@latentkit/core";
import { describe, expect, it } from "vitest";
import { fromConfig, replicate } from "./replicate.ts";
import { startFakeReplicate } from "./testing/fake-replicate.ts";
import { failureOf, harness } from "./testing/harness.ts";

const thrown = (make: () => unknown): ConfigError => {
  try {
    make();
  } catch (error) {
    return error as ConfigError;
  }
  throw new Error("it should have thrown");
};

describe("options", () => {
  it("without a token say where it comes from", () => {
    const error = thrown(() => fromConfig({ model: "acme/painter" }, {}));
    expect(ConfigError.isInstance(error) && error.message).toContain("REPLICATE_API_TOKEN");
    expect(thrown(() => fromConfig({ model: "a/b" }, { REPLICATE_API_TOKEN: "  " })).message).toContain(
      "REPLICATE_API_TOKEN",
    );
  });

  it("in a configuration file hold no token", () => {
    const error = thrown(() => fromConfig({ token: "r8_secret_in_a_file" }, {}));
    expect(error.message).toMatch(/token does not belong/);
    expect(error.message).not.toContain("r8_secret");
  });

  it.each([
    [{ modle: "a/b" }, /modle: is not known; did you mean model/],
    [{ wait: 61 }, /wait/],
    [{ url: "ftp://x" }, /url/],
    [{ cancelAfter: "soon" }, /cancelAfter: must be seconds/],
    [{ download: "never" }, /download/],
    [{ proxy: "not a url" }, /proxy/],
    [{ proxy: "localhost:3128" }, /proxy: must be a URL/],
    [{ api: "cog" }, /needs a url/],
    [{ retry: { retries: -1 } }, /retry.retries/],
  ])("%j are refused by name", (options, message) => {
    const error = thrown(() => replicate({ token: "r8_0123456789", ...(options as object) }));
    expect(ConfigError.isInstance(error), String(error)).toBe(true);
    expect(error.message).toMatch(message);
  });

  it("of a request are held against what there is", async () => {
    await using h = await harness();
    const error = await failureOf(h.client.generate({ prompt: "a", backendOptions: { replicate: { inputs: {} } } }));
    expect(UnsupportedError.isInstance(error) && error.issues[0]?.field).toBe("backendOptions.replicate.inputs");
    const none = await failureOf(harnessWithoutModel());
    expect(none.message).toMatch(/model: name a model/);
  });

  it("come from a configuration with the token from the environment", async () => {
    const fake = await startFakeReplicate();
    const client = await loadClient({
      backend: "replicate",
      modules: { replicate: async () => ({ fromConfig }) },
      backendOptions: { url: fake.url, model: "acme/painter" },
      env: { REPLICATE_API_TOKEN: fake.token },
    });
    expect((await client.generate({ prompt: "a" })).images).toHaveLength(1);
    await client.dispose();
    await fake.close();
  });
});

async function harnessWithoutModel(): Promise<unknown> {
  const backend = replicate({ token: "r8_0123456789" });
  return backend.capabilities().finally(() => backend.dispose());
}
