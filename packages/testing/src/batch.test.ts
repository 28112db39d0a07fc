import { existsSync } from "node:fs";
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AbortedError,
  type BatchItem,
  createClient,
  type GenerationEvent,
  type GenerationInput,
  ManifestError,
  readRecipe,
} from "@latentkit/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryBackend } from "./fakes/memory-backend.ts";

let folder: string;
let manifest: string;
let out: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-batch-"));
  manifest = join(folder, "manifest.jsonl");
  out = join(folder, "out");
});
afterEach(() => rm(folder, { recursive: true }));

const size = { width: 16, height: 16 };
const requests = (count: number): GenerationInput[] =>
  Array.from({ length: count }, (_, seed) => ({ prompt: `p${seed}`, seed, ...size }));
const pngs = async () => (await readdir(out)).filter((name) => name.endsWith(".png")).sort();

describe("client.batch", () => {
  it("draws each once, hands them over as they are done, and skips them all when it is run again", async () => {
    const backend = memoryBackend();
    const client = createClient({ backend });
    const items: BatchItem[] = [];
    for await (const item of client.batch(requests(5), { concurrency: 2, manifest, out })) items.push(item);
    expect(items.map(({ index }) => index).sort()).toEqual([0, 1, 2, 3, 4]);
    for (const { status, images, files, index } of items) {
      expect({ status, images: images.length }).toEqual({ status: "done", images: 1 });
      expect((await readRecipe(files[0]!.path)).request).toMatchObject({ prompt: `p${index}`, seed: index });
    }
    expect(await client.batch(requests(5), { manifest, out })).toEqual({ done: 0, failed: 0, skipped: 5 });
    expect(await client.batch(requests(7), { manifest, out })).toEqual({ done: 2, failed: 0, skipped: 5 });
    expect(backend.begun).toBe(7);
    expect(await pngs()).toHaveLength(7);
  });

  it("takes ids, recipes and streams, and equal requests as items of their own", async () => {
    const client = createClient({ backend: memoryBackend() });
    const { recipe } = await client.generate({ prompt: "r", seed: 3, ...size });
    async function* stream() {
      yield { id: "Fox 1", request: { prompt: "a", ...size, count: 2, seed: 8 } };
      yield recipe;
      yield recipe;
    }
    expect(await client.batch(stream(), { out, manifest })).toEqual({ done: 3, failed: 0, skipped: 0 });
    expect(await pngs()).toEqual([
      "00000-Fox-1-0.png",
      "00000-Fox-1-1.png",
      expect.stringMatching(/^00001-[0-9a-f]{16}\.png$/),
      expect.stringMatching(/^00002-[0-9a-f]{16}-2\.png$/),
    ]);
    const twice = client.batch([
      { id: "x", request: requests(1)[0]! },
      { id: "x", request: requests(2)[1]! },
    ]);
    await expect(twice).rejects.toThrow(/"x" stands there twice/);
  });

  it("reads no more than it draws", async () => {
    let read = 0;
    function* endless() {
      for (; ; read++) yield requests(1)[0]!;
    }
    const client = createClient({ backend: memoryBackend() });
    let seen = 0;
    for await (const _ of client.batch(endless(), { concurrency: 3 })) if (++seen === 10) break;
    expect(read).toBeLessThan(20);
  });

  it("stops at a failure once what runs is done, or goes on, and tries what failed again", async () => {
    const inputs = requests(6).map((input, i) => (i === 1 ? { ...input, prompt: "fail" } : input)) as GenerationInput[];
    let isWell = false;
    const backend = memoryBackend({ fails: (prompt) => prompt === "fail" && !isWell });
    const client = createClient({ backend });
    await expect(client.batch(inputs, { manifest, out, concurrency: 2 })).rejects.toThrow(/Picture 0 failed/);
    expect(backend.begun).toBeLessThan(4);
    const again = await client.batch(inputs, { manifest, out, keepGoing: true });
    expect(again).toEqual({ done: expect.any(Number), failed: 1, skipped: expect.any(Number) });
    expect(again.done + again.skipped).toBe(5);
    isWell = true;
    expect(await client.batch(inputs, { manifest, out })).toEqual({ done: 1, failed: 0, skipped: 5 });
  });

  it("stops with a state to go on from when it is cancelled, and when the disk takes no more", async () => {
    const client = createClient({ backend: memoryBackend({ stepMs: 5 }) });
    const controller = new AbortController();
    let seen = 0;
    const cancelled = (async () => {
      for await (const _ of client.batch(requests(8), { manifest, out, signal: controller.signal }))
        if (++seen === 2) controller.abort();
    })();
    await expect(cancelled).rejects.toMatchObject({ code: "aborted" });
    expect(await client.batch(requests(8), { manifest, out })).toEqual({ done: 6, failed: 0, skipped: 2 });
    // A file where the folder should be is a disk that takes nothing, for a process that may write anywhere.
    await writeFile(join(folder, "file"), "");
    const full = client.batch(requests(3), { out: join(folder, "file"), keepGoing: true });
    await expect(full).resolves.toMatchObject({ failed: 3 });
  });

  it("goes on after a kill: a line that was cut off, and a picture whose line was never written", async () => {
    const client = createClient({ backend: memoryBackend() });
    await client.batch(requests(3), { manifest, out });
    const lines = (await readFile(manifest, "utf8")).trimEnd().split("\n");
    await writeFile(manifest, `${lines.slice(0, -1).join("\n")}\n{"key":"half`);
    const backend = memoryBackend();
    expect(await createClient({ backend }).batch(requests(3), { manifest, out })).toMatchObject({ skipped: 3 });
    expect(backend.begun).toBe(0);
    await rm(join(out, (await pngs())[1]!));
    expect(await createClient({ backend }).batch(requests(3), { manifest, out })).toMatchObject({
      done: 1,
      skipped: 2,
    });
  });

  it("goes on with a job that a service still runs, by its handle", async () => {
    const first = memoryBackend({ resumable: true, stepMs: 20 });
    const client = createClient({ backend: first });
    for await (const _ of client.batch(requests(1), { manifest })) break;
    // As a kill leaves it: begun, with a handle, and no end.
    const lines = (await readFile(manifest, "utf8")).split("\n").filter((line) => !line.includes('"status"'));
    expect(lines.some((line) => line.includes('"handle"'))).toBe(true);
    await writeFile(manifest, lines.join("\n"));
    const backend = memoryBackend({ resumable: true });
    expect(await createClient({ backend }).batch(requests(1), { manifest })).toMatchObject({ done: 1 });
    expect(backend.begun).toBe(0);
  });

  it("draws anew what another request stands for under an id, also when it was killed at that", async () => {
    const batch = (prompt: string, backend = memoryBackend()) =>
      createClient({ backend }).batch([{ id: "fox", request: { prompt, seed: 1, ...size } }], { manifest, out });
    await batch("red");
    expect(await batch("red")).toMatchObject({ skipped: 1 });
    const killed = memoryBackend({ breaks: (_, at) => (at === "started" ? new AbortedError() : undefined) });
    await expect(batch("blue", killed)).rejects.toMatchObject({ code: "aborted" });
    expect(await batch("blue")).toMatchObject({ done: 1 });
    expect((await readRecipe(join(out, "00000-fox.png"))).request).toMatchObject({ prompt: "blue" });
    expect(await batch("blue")).toMatchObject({ skipped: 1 });
  });

  it("draws anew a job that an earlier run cancelled at its service", async () => {
    const first = createClient({ backend: memoryBackend({ resumable: true, stepMs: 20 }) });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 30);
    await expect(first.batch(requests(1), { manifest, signal: controller.signal })).rejects.toMatchObject({
      code: "aborted",
    });
    expect(await readFile(manifest, "utf8")).toContain('"handle"');
    const backend = memoryBackend({ resumable: true });
    // biome-ignore lint/correctness/useYield: it fails before it tells anything
    async function* resume(): AsyncGenerator<GenerationEvent> {
      throw new AbortedError("The prediction was cancelled.");
    }
    const service = { ...backend, resume };
    expect(await createClient({ backend: service }).batch(requests(1), { manifest })).toMatchObject({ done: 1 });
    expect(backend.begun).toBe(1);
  });

  it("finishes what runs before it fails for an input that can't be read", async () => {
    const backend = memoryBackend({ stepMs: 5 });
    function* broken() {
      yield* requests(2);
      throw new Error("line 3");
    }
    const done: number[] = [];
    const items = createClient({ backend }).batch(broken(), { concurrency: 3, manifest, out });
    const failed = (async () => {
      for await (const { index, status } of items) if (status === "done") done.push(index);
    })();
    await expect(failed).rejects.toThrow("line 3");
    expect(done.sort()).toEqual([0, 1]);
    expect(await pngs()).toHaveLength(2);
  });

  it("locks its manifest from the first run on, and takes over the lock of a process that is gone", async () => {
    const client = createClient({ backend: memoryBackend() });
    const fresh = join(folder, "new", "manifest.jsonl");
    const first = client.batch(requests(2), { manifest: fresh })[Symbol.asyncIterator]();
    await first.next();
    await expect(client.batch(requests(2), { manifest: fresh })).rejects.toThrow(/Another batch/);
    await first.return(undefined);
    // In a container the next process has the number of the one that was killed; elsewhere another program may.
    for (const owner of [String(process.pid), `${process.ppid} 1`]) {
      await writeFile(`${manifest}.lock`, owner);
      if (process.platform !== "linux" && owner.includes(" ")) continue;
      await expect(client.batch(requests(1), { manifest })).resolves.toBeDefined();
    }
    await writeFile(`${manifest}.lock`, String(process.ppid));
    await expect(client.batch(requests(1), { manifest })).rejects.toThrow(`Another batch (process ${process.ppid})`);
  });

  it("refuses a file that is no manifest, a damaged one, and one that another batch writes", async () => {
    const client = createClient({ backend: memoryBackend() });
    await writeFile(manifest, '{"mine": true}\n');
    await expect(client.batch(requests(1), { manifest })).rejects.toThrow(/is no manifest/);
    expect(await readFile(manifest, "utf8")).toBe('{"mine": true}\n');
    await rm(manifest);
    await client.batch(requests(2), { manifest });
    await appendFile(manifest, "garbage\n");
    await expect(client.batch(requests(2), { manifest })).rejects.toThrow(/damaged: line \d+/);
    await rm(manifest);
    const other = client.batch(requests(2), { manifest })[Symbol.asyncIterator]();
    await other.next();
    const error = await client.batch(requests(2), { manifest }).then(undefined, (reason: unknown) => reason);
    expect(ManifestError.isInstance(error) && error.message).toMatch(/Another batch \(process \d+\)/);
    await other.return(undefined);
    expect(existsSync(`${manifest}.lock`)).toBe(false);
    await writeFile(`${manifest}.lock`, "999999999");
    await expect(client.batch(requests(2), { manifest })).resolves.toMatchObject({ done: expect.any(Number) });
    await writeFile(join(folder, "file"), "");
    const below = join(folder, "file", "m.jsonl");
    await expect(client.batch(requests(1), { manifest: below })).rejects.toThrow(/cannot be written/);
    expect(() => client.batch([], { concurrency: 0 })).toThrow(/concurrency/);
  });
});

describe("client.bestOf", () => {
  it("finds the picture that scores highest", async () => {
    const client = createClient({ backend: memoryBackend() });
    const scores = [1, Number.NaN, 5, 2];
    const { best, score, all } = await client.bestOf(
      { prompt: "a", seed: 10, ...size },
      { of: 4, score: ({ index }) => scores[index]! },
    );
    expect([best.seed, score]).toEqual([12, 5]);
    expect(all.map(({ image }) => image.seed)).toEqual([12, 13, 10, 11]);
    await expect(client.bestOf({ prompt: "a" }, { of: 0, score: () => 1 })).rejects.toThrow(/of: /);
  });
});
