import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadClient } from "./load-client.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "latentkit-config-"));
});
afterEach(() => rm(cwd, { recursive: true }));

const fromConfig = vi.fn((options: Record<string, unknown>) => ({
  id: String(options.name),
  capabilities: vi.fn(),
  generate: vi.fn(),
  dispose: vi.fn(),
}));
const modules = {
  fake: async () => ({ fromConfig }),
  local: async () => ({ fromConfig: () => fromConfig({ name: "local" }) }),
};

describe("loadClient", () => {
  it("follows the call, then the environment, then the file, then the local backend", async () => {
    const env = {};
    expect((await loadClient({ cwd, env, modules })).backend.id).toBe("local");
    await writeFile(
      join(cwd, "latentkit.config.json"),
      JSON.stringify({ backend: "fake", backends: { fake: { name: "from file" } } }),
    );
    expect((await loadClient({ cwd, env, modules })).backend.id).toBe("from file");
    expect((await loadClient({ cwd, env: { LATENTKIT_BACKEND: "local" }, modules })).backend.id).toBe("local");
    const called = await loadClient({
      cwd,
      env: { LATENTKIT_BACKEND: "local" },
      backend: "fake",
      backendOptions: { name: "from call" },
      modules,
    });
    expect(called.backend.id).toBe("from call");
  });

  it("runs a TypeScript file", async () => {
    await writeFile(
      join(cwd, "latentkit.config.ts"),
      'const name: string = "typed"; export default { backend: "fake", backends: { fake: { name } } };',
    );
    expect((await loadClient({ cwd, env: {}, modules })).backend.id).toBe("typed");
  });

  it.each([
    ["broken.json", "{", /cannot be loaded/],
    ["wrong.json", '{"backnd": "local"}', /backnd: is not known; did you mean backend or backends\?/],
    ["other.json", '{"colour": 1}', /colour: is not known; there are .*backend, backends, defaults/],
    ["type.json", '{"timeoutMs": -1}', /timeoutMs/],
  ])("names the file and field of a wrong configuration: %s", async (file, text, message) => {
    await writeFile(join(cwd, file), text);
    const loading = loadClient({ cwd, config: file, env: {}, modules });
    await expect(loading).rejects.toMatchObject({ code: "config", message: expect.stringMatching(message) });
    await expect(loading).rejects.toThrow(file);
  });

  it("says what is missing", async () => {
    await writeFile(join(cwd, "backends.json"), '{"backends": {"locl": {}}}');
    await expect(loadClient({ cwd, config: "backends.json", env: {}, modules })).rejects.toThrow(
      /backends.locl: is not known; did you mean local\?/,
    );
    await expect(loadClient({ cwd, config: "none.json", env: {}, modules })).rejects.toThrow(/no configuration file/);
    await expect(loadClient({ cwd, backend: "comfi", env: {}, modules })).rejects.toThrow(
      /"comfi" \(did you mean comfy\?\)/,
    );
    await expect(loadClient({ cwd, backend: "nowhere", env: {}, modules })).rejects.toThrow(
      /@latentkit\/backend-nowhere/,
    );
    // A name that is right is not guessed at: its package is what is missing. (One without exports hides those of other folders.)
    const hidden = join(cwd, "node_modules", "@latentkit", "backend-replicate");
    await mkdir(hidden, { recursive: true });
    await writeFile(join(hidden, "package.json"), '{ "name": "@latentkit/backend-replicate", "exports": {} }');
    const alone = loadClient({ cwd, backend: "replicate", env: {} });
    await expect(alone).rejects.toThrow(
      /^backend: "replicate" needs the package @latentkit\/backend-replicate, .*npm install @latentkit\/backend-replicate/,
    );
    const broken = join(cwd, "node_modules", "@latentkit", "backend-broken");
    await mkdir(broken, { recursive: true });
    await writeFile(join(broken, "package.json"), '{ "name": "@latentkit/backend-broken", "main": "index.mjs" }');
    await writeFile(join(broken, "index.mjs"), 'throw new Error("no such CPU")');
    await expect(loadClient({ cwd, backend: "broken", env: {} })).rejects.toThrow(
      /is there and does not load: no such CPU/,
    );
    for (const backend of ["constructor", "toString", "__proto__"])
      await expect(loadClient({ cwd, backend, env: {}, modules })).rejects.toMatchObject({ code: "config" });
    const empty = { fake: async () => ({}) as never };
    await expect(loadClient({ cwd, backend: "fake", env: {}, modules: empty })).rejects.toThrow(/no fromConfig/);
    await expect(loadClient({ cwd, config: ".", env: {}, modules })).rejects.toThrow(/cannot be read/);
    await expect(loadClient({ cwd, backend: "../evil", env: {}, modules })).rejects.toThrow(/not a backend's id/);
  });
});
