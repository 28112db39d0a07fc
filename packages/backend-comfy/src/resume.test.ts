import { createClient, type JobHandle, parseRequest } from "@latentkit/core";
import { eventually, FakeComfy, type FakeComfyOptions, until } from "@latentkit/testing";
import { expect, it, onTestFinished } from "vitest";
import { comfy } from "./comfy-backend.ts";

async function serve(options: FakeComfyOptions = {}) {
  const fake = await FakeComfy.start({ stepMs: 10, ...options });
  onTestFinished(() => fake.stop());
  const connect = () => {
    const backend = comfy({ url: fake.url, pollMs: 100, checkpoint: "tiny", clientId: crypto.randomUUID() });
    const client = createClient({ backend });
    onTestFinished(() => client.dispose());
    return client;
  };
  return { fake, connect };
}

it("gives a resumed job the recipe that the run itself has, from which the same picture is made", async () => {
  const { fake, connect } = await serve();
  const job = connect().generate({ prompt: "stripes", width: 64, height: 64, seed: 1 });
  await until(job, (event) => event.type === "started");
  const handle = JSON.parse(JSON.stringify(job.handle)) as JobHandle;
  const own = await job;
  const resumed = await connect().resume(handle);
  expect(resumed.recipe).toEqual(own.recipe);
  expect(resumed.recipe.model).toEqual({ id: "tiny.safetensors" });
  expect(resumed.recipe.request).toMatchObject({ model: "tiny.safetensors", steps: 20, guidanceScale: 7 });
  expect(resumed.images[0]!.recipe).toEqual(own.images[0]!.recipe);
  const without = createClient({ backend: comfy({ url: fake.url }) });
  onTestFinished(() => without.dispose());
  const again = await without.generate(resumed.recipe);
  expect(await again.images[0]!.pixels()).toEqual(await own.images[0]!.pixels());
});

it("takes handles of before there were settings in them", async () => {
  const { connect } = await serve();
  const job = connect().generate({ prompt: "stripes", width: 64, height: 64, steps: 4, seed: 1 });
  await job;
  const { resolved: _, model: __, ...data } = job.handle!.data;
  expect((await connect().resume({ ...job.handle!, data })).images).toHaveLength(1);
});

it("leaves nothing in the queue when its reader goes right after the queueing", async () => {
  const { fake, connect } = await serve({ stepMs: 50 });
  const request = parseRequest({ prompt: "stripes", width: 64, height: 64, steps: 60, seed: 1 });
  for await (const event of connect().backend.generate(request, { signal: new AbortController().signal })) {
    if (event.type === "queued") break;
  }
  expect(await eventually(() => fake.isIdle)).toBe(true);
  expect(fake.prompts).toHaveLength(1);
  expect([...fake.worker.history.values()].filter(({ status }) => status.completed)).toEqual([]);
});

it("tells the size of a picture that grew in its recipe, which runs again as it is, resumed or not", async () => {
  const { connect } = await serve();
  const image = Buffer.from(await (await connect().generate(small)).images[0]!.bytes("png"));
  for (const [grow, size] of [
    [
      { task: "outpaint", left: 5, image },
      { width: 69, height: 64 },
    ],
    [
      { task: "upscale", scale: 1.5, image },
      { width: 96, height: 96 },
    ],
  ] as const) {
    const { width: _, height: __, ...asked } = small;
    const job = connect().generate({ ...asked, ...grow });
    const { recipe } = await job;
    expect(recipe).toMatchObject({ request: size, observed: size });
    expect((await connect().resume(job.handle!)).recipe).toMatchObject({ request: size, observed: size });
    const again = await connect().generate(recipe, { inputs: [image] });
    expect(again).toMatchObject({ warnings: [], recipe: { request: size } });
  }
});
const small = { prompt: "stripes", width: 64, height: 64, steps: 4, seed: 1 } as const;
