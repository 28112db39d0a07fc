import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { AbortedError, createClient, GenerationError, type GenerationEvent } from "@latentkit/core";
import { afterEach, describe, expect, it } from "vitest";
import { replicate } from "../replicate.ts";

/** What coglet 0.23.1 from PyPI answered and posted; fixtures/record-cog.ts tells how it was recorded. */
interface Exchange {
  method: string;
  path: string;
  body?: { input: { prompt: string } };
  webhooks: { id: string; status: string }[];
  status: number;
  reply: { id?: string; status?: string };
}

const { exchanges } = JSON.parse(await readFile(new URL("./fixtures/coglet-0.23.json", import.meta.url), "utf8")) as {
  exchanges: Exchange[];
};

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Plays the recording: the exchange is chosen by path, or by prompt, and has the new prediction's id put in. */
async function replay({ webhooksAfterwards = false } = {}) {
  const seen: { method: string; path: string; body: unknown }[] = [];
  const cancelled = new Map<string, () => void>();
  const server = createServer(async (request, reply) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const { method = "", url: path = "" } = request;
    seen.push({ method, path, body });
    const [, , id = "", action] = path.split("/");
    if (action === "cancel") cancelled.get(id)?.();
    const exchange = exchanges.find(
      (each) =>
        each.method === method &&
        (id === ""
          ? each.path === path
          : each.path.endsWith(action ?? "") && each.body?.input.prompt === body?.input.prompt),
    )!;
    const post = async () => {
      for (const state of exchange.webhooks)
        await fetch(body.webhook, { method: "POST", body: JSON.stringify({ ...state, id }) }).catch(() => {});
    };
    if (!webhooksAfterwards) await post();
    if (exchange.reply.status === "canceled") await new Promise<void>((resolve) => cancelled.set(id, resolve));
    const answer = exchange.reply.id === undefined ? exchange.reply : { ...exchange.reply, id };
    reply.writeHead(exchange.status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    if (webhooksAfterwards) await post();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = createClient({
    backend: replicate({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
  });
  closing.push(async () => {
    await client.dispose();
    server.closeAllConnections();
    server.close();
  });
  return { client, seen };
}

const create = (seen: { method: string; body: unknown }[]) => seen.find(({ method }) => method === "PUT")?.body;

describe("a real Cog server's traffic", () => {
  it("is sent what it was sent, and becomes events and a picture", async () => {
    const { client, seen } = await replay();
    const job = client.generate({ prompt: "a red apple", seed: 7, steps: 4 });
    const events: GenerationEvent[] = [];
    for await (const event of job) events.push(event);
    const { images, metrics, recipe } = await job;
    expect(create(seen)).toMatchObject({ input: { prompt: "a red apple", seed: 7, num_inference_steps: 4 } });
    expect(await images[0]?.size()).toEqual({ width: 16, height: 16 });
    const steps = events.flatMap((event) => (event.type === "progress" ? [event.step] : []));
    expect(steps).toEqual([1, 2, 3, 4]);
    expect(events.filter(({ type }) => type === "image")).toHaveLength(1);
    expect(events.find(({ type }) => type === "log")).toMatchObject({ message: "Using seed: 7" });
    expect(metrics.billedSeconds).toBeCloseTo(1.2, 0);
    expect(recipe.request).toMatchObject({ seed: 7, steps: 4, width: 16, height: 16 });
  });

  it("fails with the model's own words", async () => {
    const { client } = await replay();
    const error = await client.generate({ prompt: "please fail", seed: 7 }).catch((reason: unknown) => reason);
    expect(GenerationError.isInstance(error) && error.message).toContain("the model did not like this prompt");
    expect((error as GenerationError).details).toMatchObject({ status: "failed", predictionId: expect.any(String) });
  });

  it("is cancelled there before the job ends", async () => {
    const { client, seen } = await replay();
    const job = client.generate({ prompt: "a long one", seed: 7, steps: 100 });
    job.on("progress", ({ step }) => {
      if (step === 3) job.cancel();
    });
    const error = await job.catch((reason: unknown) => reason);
    expect(AbortedError.isInstance(error)).toBe(true);
    expect(seen.at(-1)?.path).toMatch(/^\/predictions\/\w+\/cancel$/);
  });

  it("may post states after its answer: the end stands", async () => {
    const { client } = await replay({ webhooksAfterwards: true });
    const { images } = await client.generate({ prompt: "a red apple", seed: 7, steps: 4 });
    expect(images).toHaveLength(1);
  });
});
