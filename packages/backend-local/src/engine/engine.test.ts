import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  AbortedError,
  type Client,
  createClient,
  DisposedError,
  EngineError,
  type Job,
  parseRequest,
} from "@latentkit/core";
import { expect, onTestFinished, test } from "vitest";
import { local } from "../local.ts";
import type { LocalOptions } from "../local-options.ts";
import { enginesIdle, enginesOf, gone } from "../testing/test-engine.ts";
import { fixtureModel } from "../testing/test-model.ts";

const model = fixtureModel("sd1");
const quick = { prompt: "a red apple", seed: 1, steps: 2 };
// Long enough to be interrupted: about a minute of steps.
const long = { prompt: "a red apple", seed: 1, steps: 900, width: 512, height: 512 };

function clientOf(options: LocalOptions = {}): Client {
  const client = createClient({ backend: local({ model, threads: 1, ...options }) });
  onTestFinished(() => client.dispose());
  return client;
}

/** Starts a job and waits until its first step is done. The job is wrapped, as awaiting it would wait for its end. */
async function sampling(client: Client, request = long): Promise<{ job: Job }> {
  const job = client.generate(request);
  for await (const event of job) {
    if (event.type === "progress" && event.phase === "sample" && event.step >= 1) return { job };
  }
  throw new Error("the job ended before its first step");
}

test("an engine that is killed in the middle is a typed error, and the next request gets a fresh one", async () => {
  const client = clientOf();
  const { job } = await sampling(client);
  const [engine] = await enginesOf(process.pid);
  process.kill(engine!, "SIGKILL");
  const error = await job.catch((reason) => reason);
  expect(EngineError.isInstance(error)).toBe(true);
  expect(error).toMatchObject({ code: "engine", retryable: true, backend: "local", details: { signal: "SIGKILL" } });
  await expect(client.generate(quick)).resolves.toMatchObject({ images: [{ index: 0 }] });
});

test("an engine that dies while idle is replaced without a word", async () => {
  const client = clientOf();
  await client.generate(quick);
  const [engine] = await enginesOf(process.pid);
  process.kill(engine!, "SIGKILL");
  await expect(client.generate(quick)).resolves.toMatchObject({ images: [{ index: 0 }] });
});

test("a cancel between steps leaves the engine alive, with its model", async () => {
  const client = clientOf();
  const { job } = await sampling(client, { ...long, width: 64, height: 64 });
  const [engine] = await enginesOf(process.pid);
  job.cancel();
  await expect(job).rejects.toSatisfy(AbortedError.isInstance);
  expect(await enginesOf(process.pid)).toEqual([engine]);
  await client.generate(quick);
  expect(await enginesOf(process.pid)).toEqual([engine]);
});

test("an engine that does not hear the cancel is killed", async () => {
  const client = clientOf();
  const { job } = await sampling(client);
  const [engine] = await enginesOf(process.pid);
  process.kill(engine!, "SIGSTOP");
  job.cancel();
  await expect(job).rejects.toSatisfy(AbortedError.isInstance);
  await gone(engine!);
  await expect(client.generate(quick)).resolves.toMatchObject({ images: [{ index: 0 }] });
});

test("Ctrl-C is the parent's matter: an engine that gets it goes on", async () => {
  const client = clientOf();
  const { job } = await sampling(client, { ...long, width: 64, height: 64, steps: 20 });
  const [engine] = await enginesOf(process.pid);
  process.kill(engine!, "SIGINT");
  await expect(job.then(({ images }) => images.length)).resolves.toBe(1);
});

test("reading no further stops the work", async () => {
  const { backend } = clientOf();
  const request = parseRequest({ ...long, width: 64, height: 64 });
  for await (const event of backend.generate(request, { signal: new AbortController().signal })) {
    if (event.type === "progress" && event.phase === "sample" && event.step >= 1) break;
  }
  expect(await enginesIdle()).toBe(true);
  await expect(createClient({ backend }).generate(quick)).resolves.toMatchObject({ images: [{ index: 0 }] });
});

test("jobs wait for their turn, one that is cancelled while waiting leaves the line", async () => {
  const client = clientOf();
  const first = client.generate(quick);
  const second = client.generate(quick);
  const third = client.generate(quick);
  second.cancel();
  const positions = await Promise.all(
    [first, third].map(async (job) => {
      for await (const event of job) if (event.type === "queued") return event.position;
    }),
  );
  expect(positions[0]).toBe(0);
  expect(positions[1]).toBeGreaterThanOrEqual(1);
  await expect(second).rejects.toSatisfy(AbortedError.isInstance);
  await expect(third).resolves.toMatchObject({ images: [{ index: 0 }] });
  expect(await enginesOf(process.pid)).toHaveLength(1);
});

test("dispose ends the engine in the middle of a job, and twice is once", async () => {
  const client = clientOf();
  const { backend } = client;
  const { job } = await sampling(client);
  const waiting = client.generate(quick);
  const [engine] = await enginesOf(process.pid);
  await backend.dispose();
  await backend.dispose();
  await expect(job).rejects.toSatisfy(DisposedError.isInstance);
  await expect(waiting).rejects.toSatisfy(DisposedError.isInstance);
  expect(await enginesOf(process.pid)).toEqual([]);
  await gone(engine!);
  await expect(client.generate(quick)).rejects.toSatisfy(DisposedError.isInstance);
});

test("nothing runs before the first request, and warmUp brings the engine up", async () => {
  const backend = local({ model, threads: 1 });
  onTestFinished(() => backend.dispose());
  await backend.capabilities();
  expect(await enginesOf(process.pid)).toEqual([]);
  await backend.warmUp();
  expect(await enginesOf(process.pid)).toHaveLength(1);
});

test("a thread works as a process does", async () => {
  const client = clientOf({ isolation: "thread" });
  const threaded = await (await client.generate(quick)).images[0]!.bytes("png");
  expect(await enginesOf(process.pid)).toEqual([]);
  const { job } = await sampling(client, { ...long, width: 64, height: 64 });
  job.cancel();
  await expect(job).rejects.toSatisfy(AbortedError.isInstance);
  const other = clientOf();
  expect(Buffer.compare(threaded, await (await other.generate(quick)).images[0]!.bytes("png"))).toBe(0);
});

test("a script that is done ends by itself", async () => {
  const child = script("2");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
});

test("an engine that says nothing for too long is ended, and the next request gets a fresh one", async () => {
  const client = clientOf({ stallMs: 10_000 });
  const { job } = await sampling(client);
  const [engine] = await enginesOf(process.pid);
  process.kill(engine!, "SIGSTOP");
  await expect(job).rejects.toMatchObject({
    code: "engine",
    message: expect.stringContaining("stallMs"),
    retryable: true,
  });
  await gone(engine!);
  await expect(client.generate(quick)).resolves.toMatchObject({ images: [{ index: 0 }] });
  expect(() => local({ stallMs: 0 })).toThrow(/stallMs: must be milliseconds above 0/);
});

test("a runtime that could not be loaded is tried anew by the next job, in an engine of its own", async () => {
  const client = clientOf({ executionProvider: "coreml" });
  const engines = async () => {
    await expect(client.generate(quick)).rejects.toMatchObject({ code: "config" });
    return enginesOf(process.pid);
  };
  expect(await engines()).toEqual([]);
  expect(await engines()).toEqual([]);
});

test("an engine whose parent is killed goes as well, in the middle of a step of many seconds", async () => {
  const child = script("900", "1024");
  for await (const line of createInterface({ input: child.stdout! })) if (line === "started") break;
  const [engine] = await enginesOf(child.pid);
  // By now it computes, and will for long: nothing in its main thread is heard before the step is over.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  child.kill("SIGKILL");
  await gone(engine!);
});

test("an engine whose parent is killed goes as well", async () => {
  const child = script("900", "128");
  for await (const line of createInterface({ input: child.stdout! })) if (line === "progress") break;
  const [engine] = await enginesOf(child.pid);
  expect(engine).toBeGreaterThan(0);
  child.kill("SIGKILL");
  await gone(engine!);
});

function script(...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL("../../fixtures/scripts/generate.ts", import.meta.url));
  const options = ["--conditions=latentkit-source", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...options, path, model, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}
