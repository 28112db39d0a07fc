import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Backend } from "../backend.ts";
import { configJsonSchema } from "./config.ts";
import { loadClient } from "./load-client.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "latentkit-compose-"));
});
afterEach(() => rm(cwd, { recursive: true }));

const capabilities = {
  backend: "fake",
  tasks: ["text-to-image"],
  features: ["seed"],
  conditioning: [],
  samplers: "any",
  schedulers: "any",
  outputFormats: ["png"],
  limits: {},
  resume: false,
} as const;
const made: { name: string; disposed: number }[] = [];
const fromConfig = ({ name }: Record<string, unknown>): Backend => {
  const state = { name: String(name), disposed: 0 };
  made.push(state);
  return {
    id: "fake",
    capabilities: async () => capabilities,
    async *generate() {
      yield { type: "started", model: { id: state.name } };
      yield { type: "image", index: 0, image: { kind: "pixels", width: 1, height: 1, channels: 3, base64: "AQID" } };
      yield { type: "completed" };
    },
    dispose: async () => void state.disposed++,
  };
};
const modules = { fake: async () => ({ fromConfig }) };
const load = async (config: object, backend?: string) => {
  await writeFile(join(cwd, "latentkit.config.json"), JSON.stringify(config));
  return loadClient({ cwd, env: {}, modules, ...(backend === undefined ? {} : { backend }) });
};

describe("compositions in a configuration", () => {
  it("may tell what pictures cost, by model or for all", async () => {
    const backends = {
      cloud: { use: "fake", usdPerImage: { "owner/fast": 0.003 } },
      own: { use: "fake", usdPerImage: 0 },
    };
    const config = { backend: "both", backends: { ...backends, both: { use: "fallback", of: ["cloud", "own"] } } };
    const client = await load(config);
    const told = await client.explain({ prompt: "a", model: "owner/fast:1", count: 2, seed: 1 } as never);
    expect(told.backends.map(({ estimate }) => estimate.usd)).toEqual([0.006, 0]);
    const wrong = load({ backend: "cloud", backends: { cloud: { use: "fake", usdPerImage: "cheap" } } });
    await expect(wrong).rejects.toThrow("backends.cloud.usdPerImage: must be US dollars from 0 up");
  });

  it("are made of named backends, each made once, and end with the client", async () => {
    made.length = 0;
    const client = await load({
      $schema: "./node_modules/@latentkit/core/config.schema.json",
      backend: "main",
      backends: {
        main: { use: "cache", of: "safe" },
        safe: { use: "retry", of: "both", attempts: 2 },
        both: { use: "fallback", of: ["gpu-box", { backend: "cloud", usdPerImage: 0.04 }] },
        "gpu-box": { use: "fake", name: "near" },
        cloud: { use: "limits", of: "fake", concurrency: 3 },
        fake: { name: "far" },
      },
    });
    const { recipe } = await client.generate({ prompt: "a" });
    expect(recipe).toMatchObject({ backend: "fake", model: { id: "near" } });
    expect(client.backend.id).toBe("both");
    await client.dispose();
    expect(made).toEqual([
      { name: "near", disposed: 1 },
      { name: "far", disposed: 1 },
    ]);
  });

  it("are chosen by the call and by the environment", async () => {
    const backends = { a: { use: "fake", name: "x" }, both: { use: "route", of: ["a"], prefer: ["a"] } };
    expect((await load({ backends }, "both")).backend.id).toBe("both");
    const client = await loadClient({ cwd, env: { LATENTKIT_BACKEND: "both" }, modules });
    expect(client.backend.id).toBe("both");
  });

  it.each([
    [
      { main: { use: "fallback", of: ["a"] }, a: { use: "retry", of: "main" } },
      /main is made of a is made of main, which is a circle/,
    ],
    [{ main: { use: "fallback" } }, /backends\.main\.of: is missing/],
    [{ main: { use: "fallback", of: [] } }, /backends\.main\.of: /],
    [
      { main: { use: "pool", of: ["fake"], concurency: 2 } },
      /backends\.main\.concurency: .*did you mean concurrency\?/,
    ],
    [{ main: { use: "limits", of: "fake", perMinute: 0 } }, /backends\.main\.perMinute: /],
    [{ main: { use: "fallback", of: ["fake", "fake"] } }, /twice/],
    [{ main: { use: "retry", of: "nowhere" } }, /backend-nowhere/],
    [{ main: { use: 3 } }, /backends\.main\.use: must be/],
  ])("are refused with the entry's name: %#", async (backends, message) => {
    const loading = load({ backend: "main", backends });
    await expect(loading).rejects.toMatchObject({ code: "config", message: expect.stringMatching(message) });
  });

  it("have a JSON Schema that tells each composition's fields", () => {
    const schema = JSON.stringify(configJsonSchema());
    const file = readFileSync(new URL("../../config.schema.json", import.meta.url), "utf8");
    expect(JSON.parse(file), "made anew by tools/docs/config-schema.ts").toEqual(configJsonSchema());
    for (const word of ['"const":"fallback"', '"budgetUsd"', '"onUnsupported"', '"$schema"'])
      expect(schema).toContain(word);
  });

  it("may have hooks where the configuration is a program", async () => {
    const before = vi.fn();
    const { buildBackend } = await import("./build-backend.ts");
    const backends = { main: { use: "hooks", of: "fake", before }, fake: { name: "x" } };
    const backend = await buildBackend("main", backends, async (_, options) => fromConfig(options));
    const signal = new AbortController().signal;
    for await (const _ of backend.generate({} as never, { signal }));
    expect(before).toHaveBeenCalledOnce();
  });
});
