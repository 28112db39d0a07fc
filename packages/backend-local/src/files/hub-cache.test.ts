import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createClient } from "@latentkit/core";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { local } from "../local.ts";
import { inspectModel } from "../models/inspect-model.ts";
import { hubCache } from "../testing/test-model.ts";
import { findInHubCache, hubCacheFolder, readHubId, withHubCache } from "./hub-cache.ts";

afterEach(() => vi.unstubAllEnvs());

/** A cache that holds `someone/sd1`, whose branch main is its one snapshot. */
async function cacheOfSd1(): Promise<{ cache: string; snapshot: string; repository: string }> {
  const snapshot = await hubCache("sd1");
  const repository = dirname(dirname(snapshot));
  await mkdir(join(repository, "refs", "pr"), { recursive: true });
  await writeFile(join(repository, "refs", "main"), "0123abcd");
  vi.stubEnv("HF_HUB_CACHE", dirname(repository));
  return { cache: dirname(repository), snapshot, repository };
}

test.each([
  ["someone/sd1", { name: "someone/sd1", revision: "main" }],
  ["stabilityai/sdxl-turbo@refs/pr/3", { name: "stabilityai/sdxl-turbo", revision: "refs/pr/3" }],
  ["models/sd15.safetensors", undefined],
  ["./someone/sd1", undefined],
  ["/someone/sd1", undefined],
  ["a/b/c", undefined],
  ["../x/y", undefined],
  ["someone/sd1@../../x", undefined],
  ["someone", undefined],
])("%s as a name of the Hub's", (text, expected) => {
  expect(readHubId(text)).toEqual(expected);
});

test("the cache lies where Python's tools have it", () => {
  expect(hubCacheFolder({ HF_HUB_CACHE: "/a", HF_HOME: "/b" })).toBe("/a");
  expect(hubCacheFolder({ HUGGINGFACE_HUB_CACHE: "/c", HF_HOME: "/b" })).toBe("/c");
  expect(hubCacheFolder({ HF_HOME: "/b", XDG_CACHE_HOME: "/d" })).toBe(join("/b", "hub"));
  expect(hubCacheFolder({ XDG_CACHE_HOME: "/d" })).toBe(join("/d", "huggingface", "hub"));
});

describe("a model of the Hub's", () => {
  test("is found in the cache by its name, by a commit and by a commit's beginning, and makes pictures", async () => {
    const { snapshot } = await cacheOfSd1();
    expect(await findInHubCache({ name: "someone/sd1", revision: "main" })).toBe(snapshot);
    expect(await findInHubCache({ name: "someone/sd1", revision: "0123abc" })).toBe(snapshot);
    expect(await inspectModel("someone/sd1")).toMatchObject({ path: snapshot, id: "someone/sd1@0123abcd" });
    const client = createClient({ backend: local({ model: "someone/sd1", threads: 1 }) });
    onTestFinished(() => client.dispose());
    const { images, recipe } = await client.generate({ prompt: "a", steps: 1, width: 32, height: 32, seed: 1 });
    expect(recipe.model?.id).toBe("someone/sd1@0123abcd");
    const again = await client.generate({ ...recipe, request: { ...recipe.request, model: recipe.model!.id } });
    expect(await again.images[0]!.pixels()).toEqual(await images[0]!.pixels());
  });

  test("that is one file of weights is that file", async () => {
    const { snapshot } = await cacheOfSd1();
    await rm(join(snapshot, "model_index.json"));
    for (const part of ["unet", "vae"]) await rm(join(snapshot, part), { recursive: true });
    const open = (path: string) => Promise.resolve(path);
    const only = join(snapshot, "text_encoder", "model.safetensors");
    expect(await withHubCache("someone/sd1", open)).toBe(only);
    await writeFile(join(snapshot, "other.safetensors"), "");
    expect(await withHubCache("someone/sd1", open)).toBe(snapshot);
  });

  test("that isn't there is an error with the two commands that bring it", async () => {
    const { repository, snapshot } = await cacheOfSd1();
    const bring = (name: string) => new RegExp(`"latentkit models pull ${name}" or with "hf download ${name}"`);
    await expect(inspectModel("someone/other")).rejects.toThrow(bring("someone/other"));
    await expect(inspectModel("someone/other")).rejects.toThrow(/There is no folder someone\/other here/);
    await expect(inspectModel("someone/sd1@v2")).rejects.toThrow(bring("someone/sd1 --revision v2"));
    await expect(inspectModel("someone/sd1@v2")).rejects.toThrow(/has someone\/sd1 at main, not at v2/);
    await rm(join(snapshot, "unet", "config.json"));
    await expect(inspectModel("someone/sd1")).rejects.toThrow(bring("someone/sd1"));
    await rm(join(repository, "refs", "main"));
    await expect(inspectModel("someone/sd1")).rejects.toThrow(/was not finished/);
  });
});
