import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { commit, FakeHub, type FakeHubOptions } from "../testing/fake-hub.ts";
import { end, run, runInside, start } from "../testing/latentkit.ts";

const weights = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) >> 3));
const unet = "unet/diffusion_pytorch_model.safetensors";
const half = "unet/diffusion_pytorch_model.fp16.safetensors";
const repository = {
  ".gitattributes": "*.safetensors filter=lfs",
  "README.md": "# A model",
  "model_index.json": '{"_class_name": "StableDiffusionPipeline"}',
  "unet/config.json": "{}",
  [unet]: weights,
  [half]: weights.subarray(0, 150_000),
  "unet/diffusion_pytorch_model.bin": "pickle",
  "vae/config.json": "{}",
  "vae/diffusion_pytorch_model.safetensors": weights.subarray(0, 1000),
  "safety_checker/model.safetensors": "not needed",
  "whole-model.safetensors": "a single file beside",
  "tokenizer/merges.txt": "#version: 0.2\n",
};

async function serve(options: Partial<FakeHubOptions> = {}) {
  const hub = await FakeHub.start({ files: repository, ...options });
  const home = await mkdtemp(join(tmpdir(), "latentkit-hub-"));
  onTestFinished(async () => {
    await hub.stop();
    await rm(home, { recursive: true, force: true });
  });
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    HF_ENDPOINT: hub.url,
    HF_HOME: home,
    HF_TOKEN: "",
    HF_HUB_OFFLINE: "",
    HF_HUB_CACHE: "",
  };
  const cache = join(home, "hub", "models--owner--model");
  const snapshot = join(cache, "snapshots", commit);
  const latentkit = (...args: string[]) => run(["models", ...args], home, env);
  const incomplete = async () => (await readdir(join(cache, "blobs"))).filter((name) => !/^[0-9a-f]+$/.test(name));
  return { hub, home, env, cache, snapshot, latentkit, incomplete };
}

describe("latentkit models pull", () => {
  it("takes no folder's name from a server that names no commit", async () => {
    const { home, hub, latentkit } = await serve({ sha: "../../../../taken" });
    const { code, stderr } = await latentkit("pull", "owner/model");
    expect(code).toBe(1);
    expect(stderr).toBe(`latentkit: ${hub.url} names no commit of owner/model: it says "../../../../taken".\n`);
    expect(await readdir(home)).toEqual([]);
  });

  it("brings what a model needs into the Hub's cache, as blobs and links to them, and no pickle", async () => {
    const { hub, home, cache, snapshot, latentkit } = await serve();
    expect(await latentkit("pull", "owner/model")).toEqual({ code: 0, stdout: `${snapshot}\n`, stderr: "" });
    const files = (await readdir(snapshot, { recursive: true, withFileTypes: true }))
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(snapshot, join(entry.parentPath, entry.name)));
    expect(files.sort()).toEqual(
      [
        "README.md",
        "model_index.json",
        "tokenizer/merges.txt",
        "unet/config.json",
        unet,
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
      ].sort(),
    );
    expect(await readFile(join(snapshot, unet))).toEqual(weights);
    expect(await readlink(join(snapshot, unet))).toBe(`../../../blobs/${FakeHub.oidOf(weights, true)}`);
    expect(await readFile(join(cache, "refs", "main"), "utf8")).toBe(commit);
    const asked = hub.asked.length;
    const again = JSON.parse((await latentkit("pull", "owner/model", "--json")).stdout);
    expect(again).toMatchObject({ path: snapshot, commit, bytes: 0, files: 7 });
    expect(again.skipped).toContain("unet/diffusion_pytorch_model.bin");
    expect(hub.asked).toHaveLength(asked);
    expect((await latentkit("list")).stdout).toMatch(/^owner\/model {2}301 kB {2}0123456789ab\n$/);
    expect(JSON.parse((await latentkit("list", "--json")).stdout).models).toMatchObject([
      { id: "owner/model", commit },
    ]);
    expect((await latentkit("path", "owner/model")).stdout).toBe(`${snapshot}\n`);
    expect((await latentkit("path", "owner/model", unet)).stdout).toBe(`${join(snapshot, unet)}\n`);
    expect(await latentkit("path", "owner/model", "none.json")).toMatchObject({ code: 2 });
    expect(existsSync(join(home, "hub", "models--owner--model", "snapshots", commit, "unet"))).toBe(true);
  });

  it("takes a variant, a revision and single files", async () => {
    const { cache, snapshot, latentkit } = await serve();
    const pulled = await latentkit("pull", "owner/model", "--variant", "fp16", "--revision", "fp16");
    expect(pulled).toMatchObject({ code: 0, stdout: `${snapshot}\n` });
    expect(existsSync(join(snapshot, half))).toBe(true);
    expect(existsSync(join(snapshot, unet))).toBe(false);
    // The part without the variant has its plain weights, as in diffusers.
    expect(existsSync(join(snapshot, "vae/diffusion_pytorch_model.safetensors"))).toBe(true);
    expect(await readdir(join(cache, "refs"))).toEqual(["fp16"]);
    expect((await latentkit("path", "owner/model@fp16")).stdout).toBe(`${snapshot}\n`);
    const single = await latentkit("pull", "owner/model", "whole-model.safetensors");
    expect(single.stdout).toBe(`${join(snapshot, "whole-model.safetensors")}\n`);
  });

  it("goes on where the connection broke, and where the process was ended", async () => {
    const { hub, home, env, snapshot, latentkit, incomplete } = await serve();
    hub.faults.set(unet, [{ cutAfter: 100_000 }]);
    expect(await latentkit("pull", "owner/model", unet)).toMatchObject({ code: 0 });
    expect(hub.asked).toEqual([{ path: unet }, { path: unet, range: "bytes=100000-" }]);
    expect(await readFile(join(snapshot, unet))).toEqual(weights);

    hub.faults.set(
      half,
      Array.from({ length: 100 }, () => ({ cutAfter: 2000 })),
    );
    const child = start(["models", "pull", "owner/model", half], home, env);
    // Going on means that it has written what it was given before.
    while (!hub.asked.some(({ path, range }) => path === half && range !== undefined))
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await incomplete()).toHaveLength(2);
    child.kill("SIGKILL");
    await end(child);
    hub.faults.clear();
    hub.asked.length = 0;
    expect(await latentkit("pull", "owner/model", half)).toMatchObject({ code: 0 });
    expect(hub.asked).toEqual([{ path: half, range: expect.stringMatching(/^bytes=\d{4,}-$/) }]);
    expect(await readFile(join(snapshot, half))).toEqual(weights.subarray(0, 150_000));
    expect(await incomplete()).toEqual([]);
  });

  it.each([
    ["ends without a word", [{ endAfter: 1000 }], 2],
    ["is of other bytes, though as many", [{ corrupt: true }], 2],
    ["is the whole where a part was asked for", [{ cutAfter: 5000 }, { whole: true }], 2],
    ["is refused for a moment", [{ status: 503 }, { status: 429 }], 3],
  ] as const)("brings a file whole whose download %s", async (_name, faults, asked) => {
    const { hub, snapshot, latentkit } = await serve();
    hub.faults.set(unet, [...faults]);
    expect(await latentkit("pull", "owner/model", unet)).toMatchObject({ code: 0, stderr: "" });
    expect(hub.asked).toHaveLength(asked);
    expect(await readFile(join(snapshot, unet))).toEqual(weights);
  });

  it("gives up on a file that stays broken, and leaves none that looks whole", async () => {
    const { hub, cache, latentkit } = await serve();
    hub.faults.set(
      unet,
      Array.from({ length: 4 }, () => ({ corrupt: true }) as const),
    );
    const { code, stdout, stderr } = await latentkit("pull", "owner/model");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^latentkit: unet\/.*\.safetensors did not come whole: its hash is [0-9a-f]{64}, not [0-9a-f]{64}\.\n$/,
    );
    expect(existsSync(join(cache, "refs", "main"))).toBe(false);
    expect(await latentkit("path", "owner/model")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("not finished"),
    });
    expect((await latentkit("pull", "owner/model")).code).toBe(1);
    hub.faults.clear();
    expect((await latentkit("pull", "owner/model")).code).toBe(0);
  }, 60_000);

  it("takes the token from the environment, the flag or the login's file, and shows it to the Hub alone", async () => {
    const { hub, home, env, latentkit } = await serve({ token: "hf_secret_of_ours" });
    const refused = await latentkit("pull", "owner/model");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(
      /does not give owner\/model \(HTTP 401\): it is private, gated, or not there; accept its terms at .*owner\/model/,
    );
    const wrong = await latentkit("pull", "owner/model", "--token", "hf_wrong_token");
    expect(wrong.stderr).not.toContain("hf_wrong_token");
    const given = await run(["models", "pull", "owner/model"], home, { ...env, HF_TOKEN: "hf_secret_of_ours" });
    expect(given).toMatchObject({ code: 0 });
    await rm(join(home, "hub"), { recursive: true });
    await writeFile(join(home, "token"), "hf_secret_of_ours\n");
    expect(await latentkit("pull", "owner/model")).toMatchObject({ code: 0 });
    expect(hub.leaked).toEqual([]);
  });

  it("fetches nothing offline", async () => {
    const { hub, home, env, snapshot, latentkit } = await serve();
    const offline = { ...env, HF_HUB_OFFLINE: "1" };
    const missing = await run(["models", "pull", "owner/model"], home, offline);
    expect(missing).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("no such model in the Hub's cache"),
    });
    await latentkit("pull", "owner/model");
    const asked = hub.asked.length;
    expect(await run(["models", "pull", "owner/model"], home, offline)).toMatchObject({
      code: 0,
      stdout: `${snapshot}\n`,
    });
    expect(hub.asked).toHaveLength(asked);
  });

  it("lets no name of a file lead out of the cache, and two processes not write one file", async () => {
    const files = { ...repository, "../../../evil.json": "{}", "unet/..\\evil.json": "{}" };
    const { home, cache, latentkit } = await serve({ files });
    expect(await latentkit("pull", "owner/model")).toMatchObject({ code: 0 });
    const all = await readdir(home, { recursive: true });
    expect(all.filter((name) => name.includes("evil"))).toEqual([]);
    const blob = join(cache, "blobs", FakeHub.oidOf(weights, true));
    await rm(blob);
    await writeFile(`${blob}.lock`, String(process.pid));
    expect(await latentkit("pull", "owner/model")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`process ${process.pid} is`),
    });
    await writeFile(`${blob}.lock`, "999999999");
    expect(await latentkit("pull", "owner/model")).toMatchObject({ code: 0 });
  });
});

describe("what cannot be brought", () => {
  const inside = async (url: string, home: string, ...args: string[]) => {
    const { code, stdout, stderr } = await runInside(["models", "pull", ...args], {
      HF_ENDPOINT: url,
      HF_HOME: home,
    });
    expect(stdout).toBe("");
    return { code, text: stderr };
  };

  it.each<[string, Record<string, string>, string[], number, RegExp]>([
    ["a model that is not there", repository as never, ["owner/other"], 2, /has no model owner\/other\./],
    [
      "a revision that is not there",
      repository as never,
      ["owner/model", "--revision", "v9"],
      2,
      /no model owner\/model at v9/,
    ],
    ["a name that is none", repository as never, ["./model"], 2, /must be owner\/name/],
    [
      "a variant that is not there",
      repository as never,
      ["owner/model", "--variant", "bf16"],
      2,
      /no variant bf16; it has fp16/,
    ],
    [
      "a file that is not there",
      repository as never,
      ["owner/model", "none.safetensors"],
      2,
      /no file none.safetensors; it has unet/,
    ],
    ["a pickle", repository as never, ["owner/model", "unet/diffusion_pytorch_model.bin"], 2, /is a pickle/],
    [
      "a name of several files",
      repository as never,
      ["owner/model", "config.json"],
      2,
      /several files: unet\/config.json, vae/,
    ],
    [
      "nothing but pickles",
      { "model.ckpt": "x", "model_index.json": "{}" },
      ["owner/model"],
      2,
      /only pickled weights \(model.ckpt\)/,
    ],
    ["no weights", { "README.md": "x" }, ["owner/model"], 2, /holds no weights/],
    [
      "split files without a choice",
      { "a/x.safetensors": "x", "b/y.safetensors": "y" },
      ["owner/model"],
      2,
      /name the files that are wanted: a\/x.safetensors/,
    ],
  ])("%s", async (_name, files, args, code, message) => {
    const { hub, home } = await serve({ files });
    const outcome = await inside(hub.url, home, ...args);
    expect(outcome.text).toMatch(message);
    expect(outcome.code).toBe(code);
    expect(hub.asked).toEqual([]);
  });

  it("from a server that is not there", async () => {
    const { hub, home } = await serve();
    const { url } = hub;
    await hub.stop();
    const { code, text } = await inside(url, home, "owner/model");
    expect(code).toBe(1);
    expect(text).toMatch(/The connection to http:\/\/127.0.0.1:\d+ failed \(.*ECONNREFUSED/);
  });
});

it("a model that was brought makes pictures by its name", async () => {
  const source = fileURLToPath(new URL("../../../backend-local/fixtures/pipelines/sd1", import.meta.url));
  const files: Record<string, Uint8Array> = {};
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[relative(source, path)] = await readFile(path);
  }
  const { home, env, latentkit } = await serve({ files });
  const flags = ["generate", "a", "--model", "owner/model", "--steps", "1", "--out", "a.png"];
  const before = await run(flags, home, env);
  expect(before).toMatchObject({ code: 2, stderr: expect.stringContaining('"latentkit models pull owner/model"') });
  expect(await latentkit("pull", "owner/model")).toMatchObject({ code: 0 });
  expect(await run(flags, home, env)).toEqual({ code: 0, stdout: "a.png\n", stderr: "" });
  expect((await stat(join(home, "a.png"))).size).toBeGreaterThan(500);
}, 60_000);
