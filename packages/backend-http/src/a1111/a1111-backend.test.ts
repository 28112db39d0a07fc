import { createClient } from "@latentkit/core";
import { serve } from "@latentkit/server";
import { describeBackend, eventually, memoryBackend, until } from "@latentkit/testing";
import { expect, it, onTestFinished } from "vitest";
import { a1111 } from "./a1111-backend.ts";

async function served(stepMs = 4) {
  const memory = memoryBackend({
    stepMs,
    fails: (prompt, index) => prompt === "fail" || (prompt === "half" && index === 1),
  });
  const behind = createClient({ backend: memory });
  const server = await serve(behind, { port: 0, maxSteps: 1000 });
  const stop = async () => {
    await server.close(0);
    await behind.dispose();
  };
  return { memory, server, stop };
}
const size = { width: 64, height: 64 };

// The server is ours, in A1111's dialect: no AUTOMATIC1111, Forge or SD.Next was run here.
describeBackend(
  "a1111",
  async () => {
    const { memory, server, stop } = await served();
    return {
      backend: a1111({ url: server.url, pollMs: 20 }),
      request: { prompt: "a", steps: 2, ...size },
      longRequest: { prompt: "a", steps: 150, count: 4, ...size },
      unsupported: {
        request: { prompt: "a", conditioning: [{ kind: "text", prompt: "b" }] },
        field: "conditioning[0].kind",
      },
      failing: { prompt: "fail", ...size },
      partlyFailing: { prompt: "half", count: 3, ...size },
      workBegun: () => memory.begun,
      isIdle: () => memory.running === 0,
      teardown: stop,
    };
  },
  { skip: { "recipe round trip": "A1111's seeds have 32 bits, and the case's has 64" } },
);

it("draws the same picture again from its recipe, and sends inputs", async () => {
  const { server, stop } = await served(1);
  onTestFinished(stop);
  const client = createClient({ backend: a1111({ url: server.url, pollMs: 20 }) });
  const { images, recipe } = await client.generate({ prompt: "a", seed: 5, steps: 3, sampler: "euler", ...size });
  expect(recipe.request).toMatchObject({ steps: 3, width: 64, sampler: "euler" });
  expect(images[0]!.seed).toBe(5);
  const again = await client.generate(recipe);
  expect(again.warnings).toEqual([]);
  expect(await again.images[0]!.pixels()).toEqual(await images[0]!.pixels());
  const enlarged = await client.generate({ task: "upscale", image: images[0]!, scale: 2 });
  expect(await enlarged.images[0]!.size()).toEqual({ width: 128, height: 128 });
  await client.dispose();
});

it("does not interrupt another's job", async () => {
  const { memory, server, stop } = await served(20);
  onTestFinished(stop);
  const body = { prompt: "theirs", steps: 150, width: 64, height: 64 };
  const theirs = fetch(`${server.url}/sdapi/v1/txt2img`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await eventually(() => memory.running === 1);
  const client = createClient({ backend: a1111({ url: server.url, pollMs: 20, cancelMs: 500 }) });
  const job = client.generate({ prompt: "mine", steps: 150, ...size });
  await until(job, (event) => event.type === "queued");
  await eventually(() => memory.running === 2);
  job.cancel();
  await expect(job).rejects.toMatchObject({ code: "aborted" });
  const answer = (await (await theirs).json()) as { images: string[] };
  expect(answer.images).toHaveLength(1);
  await client.dispose();
});
