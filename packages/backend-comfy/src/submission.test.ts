import { createClient, encodeImage, type GenerationEvent } from "@latentkit/core";
import { collect, eventually, FakeComfy, type FakeComfyOptions, until } from "@latentkit/testing";
import { afterEach, describe, expect, it } from "vitest";
import { comfy } from "./comfy-backend.ts";
import type { ComfyOptions } from "./comfy-options.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const quick = { prompt: "stripes", width: 64, height: 64, steps: 4, seed: 1 };

async function setup(options: FakeComfyOptions = {}, own: ComfyOptions = {}) {
  const fake = await FakeComfy.start(options);
  const client = createClient({ backend: comfy({ url: fake.url, pollMs: 100, ...own }) });
  closers.push(
    () => fake.stop(),
    () => client.dispose(),
  );
  return { fake, client };
}

const sampling = (event: GenerationEvent) => event.type === "progress" && event.phase === "sample";

describe("what a job tells the server", () => {
  it("goes before the queue where that is asked", async () => {
    const { fake, client } = await setup({ stepMs: 10 });
    const first = client.generate({ ...quick, steps: 60 });
    await until(first, sampling);
    const queued = (event: GenerationEvent) => event.type === "queued";
    const second = client.generate({ ...quick, seed: 2 });
    await until(second, queued);
    const urgent = client.generate({ ...quick, seed: 3, backendOptions: { comfy: { front: true } } });
    await until(urgent, queued);
    await Promise.all([first, second, urgent]);
    const ids = [first, urgent, second].map((job) => job.handle!.data["promptId"]);
    expect(fake.worker.runs).toEqual(ids);
    expect(fake.prompts.map(({ front }) => front)).toEqual([undefined, undefined, true]);
  });

  it("hands the key for paid nodes to the server, and to no file or recipe", async () => {
    const { fake, client } = await setup({}, { comfyOrgApiKey: "org-key-123456" });
    const { recipe } = await client.generate(quick);
    expect(fake.prompts[0]).toMatchObject({ extra_data: { api_key_comfy_org: "org-key-123456" } });
    expect(JSON.stringify(fake.prompts[0]!["prompt"])).not.toContain("org-key");
    expect(JSON.stringify(recipe)).not.toContain("org-key");
    const without = await setup();
    await without.client.generate(quick);
    expect(without.fake.prompts[0]!["extra_data"]).toEqual({ preview_method: "none" });
  });
});

it("sends a picture again whose upload broke off", async () => {
  const { fake, client } = await setup({ dropUploads: 2 });
  const image = await encodeImage({ width: 64, height: 64, channels: 3, data: new Uint8Array(64 * 64 * 3) }, "png");
  await client.generate({ ...quick, task: "image-to-image", image, strength: 0.5 });
  expect(fake.requests.filter(({ path }) => path === "/upload/image")).toHaveLength(3);
});

describe("a server that is busy", () => {
  it("is asked again when it says, whatever it was asked", async () => {
    const { fake, client } = await setup({ busyOnce: true, retryAfter: "0.1" });
    const image = await encodeImage({ width: 64, height: 64, channels: 3, data: new Uint8Array(64 * 64 * 3) }, "png");
    const { images, warnings } = await client.generate({ ...quick, task: "image-to-image", image, strength: 0.5 });
    expect((await images[0]!.bytes()).length).toBeGreaterThan(100);
    expect(warnings).toEqual([]);
    const asked = fake.requests.map(({ path }) => path.replace(/\?.*|(?<=history\/).*/g, ""));
    expect(new Set(asked)).toEqual(
      new Set(["/object_info", "/system_stats", "/upload/image", "/ws", "/prompt", "/queue", "/history/", "/view"]),
    );
    expect(fake.worker.runs).toHaveLength(1);
  });

  it("is not waited for once the client is disposed", async () => {
    const { fake, client } = await setup({ status: 429, retryAfter: "3600" });
    // The answer may still be on its way when the connection is broken off.
    const asked = expect(client.capabilities()).rejects.toMatchObject({
      code: expect.stringMatching(/^(rate_limit|connection)$/),
    });
    await eventually(() => fake.requests.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await client.dispose();
    await asked;
  });
});

describe("what a job tells its reader", () => {
  it("tells one fraction over all of it, which never goes back and ends at 1", async () => {
    const { client } = await setup({ expandsSamplers: true });
    const hires = { scale: 2, steps: 3, strength: 0.5 };
    for (const seed of [1, 1, 2]) {
      const { events } = await collect(client.generate({ ...quick, seed, count: 2, hires }));
      const fractions = events.flatMap((event) => (event.type === "progress" ? [event.fraction ?? -1] : []));
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      if (fractions.length > 0) expect(fractions.at(-1)).toBe(1);
      expect(fractions.every((fraction) => fraction >= 0 && fraction <= 1)).toBe(true);
    }
  });

  it("has the server's versions in its recipe", async () => {
    const { client } = await setup();
    const { recipe } = await client.generate(quick);
    expect(recipe.versions).toMatchObject({ comfyui: "0.24.0-fake", torch: "2.13.0" });
  });
});
