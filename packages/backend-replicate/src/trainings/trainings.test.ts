import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AbortedError,
  createClient,
  GenerationError,
  InvalidRequestError,
  type LatentKitError,
  UnsupportedError,
} from "@latentkit/core";
import { strFromU8, unzipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { replicate } from "../replicate.ts";
import type { ReplicateBackend } from "../replicate-backend.ts";
import { fakePicture } from "../testing/fake-picture.ts";
import { type FakeReplicate, startFakeReplicate } from "../testing/fake-replicate.ts";
import type { TrainingEvent } from "./training-job.ts";

let fake: FakeReplicate;
let backend: ReplicateBackend;
let folder: string;

beforeEach(async () => {
  fake = await startFakeReplicate();
  backend = replicate({ model: "acme/painter", url: fake.url, token: fake.token, poll: { minMs: 10, maxMs: 20 } });
  folder = await mkdtemp(join(tmpdir(), "latentkit-test-"));
  await writeFile(join(folder, "one.png"), await fakePicture("one", 8, 8));
  await writeFile(join(folder, "one.txt"), "a photo of TOK");
  await writeFile(join(folder, "two.png"), await fakePicture("two", 8, 8));
  await writeFile(join(folder, "notes.md"), "not a picture");
});
afterEach(async () => {
  await backend.dispose();
  await fake.close();
  await rm(folder, { recursive: true });
});

const base = { trainer: "acme/trainer", destination: "me/apple", create: {} };
const failure = (job: PromiseLike<unknown>) => Promise.resolve(job).catch((error: unknown) => error);

describe("a training", () => {
  it("zips and uploads pictures, tells its progress, and gives a model for the next request", async () => {
    const job = backend.train({ ...base, images: folder, triggerWord: "TOK", steps: 6 });
    const events: TrainingEvent[] = [];
    for await (const event of job) events.push(event);
    const { model, weights, metrics } = await job;
    expect(model).toBe(`me/apple:${"e".repeat(64)}`);
    expect(weights).toContain("weights.tar");
    expect(metrics.billedSeconds).toBeGreaterThan(0);
    const types = events.map(({ type }) => type);
    expect(types[0]).toBe("queued");
    expect(types.at(-1)).toBe("completed");
    expect(events.filter(({ type }) => type === "progress").at(-1)).toMatchObject({ step: 6, steps: 6 });

    const [id, { bytes, type }] = [...fake.state.files][0]!;
    expect(type).toBe("application/zip");
    const files = unzipSync(bytes);
    expect(Object.keys(files)).toEqual(["0001.png", "0001.txt", "0002.png"]);
    expect(strFromU8(files["0001.txt"]!)).toBe("a photo of TOK");
    expect(Buffer.from(files["0002.png"]!)).toEqual(Buffer.from(await fakePicture("two", 8, 8)));
    const [training] = [...fake.state.trainings.values()];
    expect(training?.input).toEqual({ trigger_word: "TOK", steps: 6, input_images: `${fake.url}/files/${id}` });
    expect(fake.state.removedFiles).toEqual([id]);

    const client = createClient({ backend });
    expect((await client.generate({ prompt: "a photo of TOK", model })).images).toHaveLength(1);
  });

  it("takes pictures as bytes, with captions, or a zip that lies somewhere", async () => {
    await backend.train({ ...base, images: [{ image: await fakePicture("one", 8, 8), caption: "it" }], steps: 3 });
    expect(Object.keys(unzipSync([...fake.state.files.values()][0]!.bytes))).toEqual(["0001.png", "0001.txt"]);
    await backend.train({ ...base, imagesUrl: "https://example.org/photos.zip", steps: 3 });
    expect([...fake.state.trainings.values()].at(-1)?.input).toMatchObject({
      input_images: "https://example.org/photos.zip",
    });
    expect(fake.state.files.size).toBe(1);
  });

  it("is refused before anything is sent when an input is wrong", async () => {
    const wrong = await failure(backend.train({ ...base, images: folder, steps: 1, learningRate: 0.1 }));
    expect(UnsupportedError.isInstance(wrong) && wrong.issues.map(({ field }) => field)).toEqual([
      "steps",
      "learningRate",
    ]);
    const none = await failure(backend.train({ ...base, steps: 10 }));
    expect(UnsupportedError.isInstance(none) && none.issues[0]?.field).toBe("input.input_images");
    const malformed = await failure(backend.train({ ...base, destination: "nowhere", images: folder }));
    expect(InvalidRequestError.isInstance(malformed) && malformed.issues[0]?.field).toBe("destination");
    await writeFile(join(folder, "three.png"), "words");
    expect(String(await failure(backend.train({ ...base, images: folder })))).toMatch(/images\[1\].*no image/);
    expect(fake.state.callsTo("POST", /trainings|files/)).toEqual([]);
  });

  it("fails with the trainer's own message", async () => {
    const error = await failure(backend.train({ ...base, images: folder, triggerWord: "FAIL", steps: 3 }));
    expect(GenerationError.isInstance(error) && error.message).toContain("the zip holds no pictures");
  });

  it("that could not be cancelled is told, and keeps its pictures", async () => {
    fake.faults.push({ path: /trainings\/[\w-]+\/cancel$/, kind: { status: 400 }, times: 99 });
    const job = backend.train({ ...base, images: folder, steps: 5000 });
    const events: TrainingEvent[] = [];
    const failed = await failure(
      (async () => {
        for await (const event of job) {
          events.push(event);
          if (event.type === "started") job.cancel();
        }
      })(),
    );
    expect(AbortedError.isInstance(failed)).toBe(true);
    expect(events.at(-1)).toMatchObject({ code: "cancel_failed", message: expect.stringContaining("may run on") });
    expect(fake.state.removedFiles).toEqual([]);
    for (const training of fake.state.trainings.values()) training.cancel();
  });

  it("whose making has an unknown outcome keeps its pictures", async () => {
    fake.faults.push({ method: "POST", path: /\/trainings$/, kind: { cut: "after" } });
    const error = await failure(backend.train({ ...base, images: folder, steps: 3 }));
    expect((error as LatentKitError).details.outcome).toBe("unknown");
    expect(fake.state.removedFiles).toEqual([]);
  });

  it("is cancelled on Replicate, and gone on with from a handle", async () => {
    const job = backend.train({ ...base, images: folder, steps: 5000 });
    for await (const event of job) if (event.type === "progress") break;
    const handle = JSON.parse(JSON.stringify(job.handle));
    const again = backend.resumeTraining(handle);
    job.cancel();
    expect(AbortedError.isInstance(await failure(job))).toBe(true);
    expect([...fake.state.trainings.values()][0]?.over).toBe(true);
    expect(AbortedError.isInstance(await failure(again))).toBe(true);
  });
});
