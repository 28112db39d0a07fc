import { expect, it } from "vitest";
import type { Backend } from "../backend.ts";
import { type Client, createClient } from "../client.ts";
import type { GenerationEvent } from "../events.ts";
import type { PixelsPayload } from "../image-payload.ts";
import { eventStreamHeaders } from "./event-stream.ts";

const image: PixelsPayload = { kind: "pixels", width: 2, height: 2, channels: 3, base64: "AAAAAAAAAAAAAAAA" };

interface Fake {
  client: Client;
  /** What happened in the backend. */
  seen: string[];
}

function fake(steps: number, pauseMs = 0): Fake {
  const seen: string[] = [];
  const backend = {
    id: "fake",
    capabilities: async () => ({
      backend: "fake",
      tasks: ["text-to-image"],
      features: ["seed", "previewEvery"],
      conditioning: [],
      samplers: [],
      schedulers: [],
      outputFormats: ["png", "jpeg", "webp"],
      limits: {},
      resume: false,
    }),
    async *generate(_: unknown, { signal }: { signal: AbortSignal }): AsyncGenerator<GenerationEvent> {
      yield { type: "queued", position: 0 };
      yield { type: "started" };
      for (let step = 1; step <= steps; step++) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        if (signal.aborted) seen.push("stopped");
        signal.throwIfAborted();
        yield { type: "progress", phase: "sample", step, steps };
        yield { type: "preview", index: 0, step, image };
      }
      yield { type: "image", index: 0, image };
      yield { type: "completed", timings: { sampleMs: 3 } };
    },
    dispose: async () => {},
  } as unknown as Backend;
  return { client: createClient({ backend }), seen };
}

async function messages(stream: ReadableStream<Uint8Array>): Promise<{ event: string; data: unknown }[]> {
  const text = await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).text();
  return text
    .split("\n\n")
    .filter((block) => block.startsWith("id: "))
    .map((block) => {
      const [, , event = "", data = ""] = /^id: (\d+)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? [];
      return { event, data: JSON.parse(data) };
    });
}

it("is a job as server-sent events, with pictures to show and the result at the end", async () => {
  const job = fake(2).client.generate({ prompt: "a", seed: 7, previewEvery: 1 });
  const told = await messages(job.toEventStream());
  expect(told.map(({ event }) => event)).toEqual([
    "queued",
    "started",
    ...["progress", "preview", "progress", "preview"],
    "image",
    "completed",
    "done",
  ]);
  expect(told[3]?.data).toMatchObject({ step: 1, image: expect.stringMatching(/^data:image\/jpeg;base64,\/9j/) });
  expect(told[6]?.data).toMatchObject({ index: 0, image: expect.stringMatching(/^data:image\/png;base64,iVBOR/) });
  expect(told.at(-1)?.data).toMatchObject({ images: [{ index: 0, seed: 7 }], recipe: { latentkit: "recipe" } });
  expect(eventStreamHeaders["content-type"]).toMatch(/^text\/event-stream/);
});

it("gives the payload, or nothing, where that is asked for", async () => {
  const { client } = fake(1);
  const payloads = await messages(client.generate({ prompt: "a" }).toEventStream({ images: "payload" }));
  expect(payloads.find(({ event }) => event === "image")?.data).toMatchObject({ image });
  const none = await messages(client.generate({ prompt: "a" }).toEventStream({ images: "none" }));
  expect(none.find(({ event }) => event === "image")?.data).not.toHaveProperty("image");
});

it("tells an error as its last event, without a secret", async () => {
  const { client } = fake(1);
  const told = await messages(client.generate({ prompt: "a", steps: 0 }).toEventStream());
  expect(told).toMatchObject([{ event: "error", data: { code: "invalid_request" } }]);
});

it("keeps a silent connection open", async () => {
  const stream = fake(1, 80).client.generate({ prompt: "a" }).toEventStream({ heartbeatMs: 20 });
  const text = await new Response(stream).text();
  expect(text.match(/^: still here$/gm)?.length).toBeGreaterThanOrEqual(2);
  expect(text).toMatch(/event: done/);
});

it("cancels the job when its reader goes away, unless told not to", async () => {
  const gone = fake(1000, 2);
  const job = gone.client.generate({ prompt: "a" });
  const reader = job.toEventStream().getReader();
  await reader.read();
  await reader.cancel();
  await expect(job).rejects.toMatchObject({ code: "aborted" });
  expect(gone.seen).toEqual(["stopped"]);

  const staying = fake(3, 2);
  const other = staying.client.generate({ prompt: "a" });
  await other.toEventStream({ cancelOnLeave: false }).cancel();
  await expect(other.then(({ images }) => images.length)).resolves.toBe(1);
});

it("leaving a loop over a job stops the reading, not the job", async () => {
  const job = fake(3, 2).client.generate({ prompt: "a" });
  for await (const event of job) if (event.type === "progress") break;
  expect(job.status).toBe("running");
  await expect(job.then(({ images }) => images.length)).resolves.toBe(1);
});

it("shows pictures of events at once; JSON of an event is the backend's own", async () => {
  const job = fake(1).client.generate({ prompt: "a", seed: 3, previewEvery: 1, output: { format: "webp" } });
  const shown: string[] = [];
  for await (const event of job) {
    if (event.type !== "preview" && event.type !== "image") continue;
    expect(event.image.payload).toEqual(image);
    expect(JSON.parse(JSON.stringify(event)).image).toEqual(image);
    expect(structuredClone({ ...event.image })).toEqual(image);
    shown.push((await event.image.dataUrl("jpeg")).slice(0, 23));
    expect((await event.image.blob()).type).toBe("image/webp");
  }
  expect(shown).toEqual(Array(2).fill("data:image/jpeg;base64,"));
});
