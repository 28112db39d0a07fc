import { setTimeout } from "node:timers/promises";
import { createClient, type GenerationEvent } from "@latentkit/core";
import { expect, onTestFinished, test } from "vitest";
import { local } from "../local.ts";
import type { LocalOptions } from "../local-options.ts";
import { enginesOf, gone } from "../testing/test-engine.ts";
import { fixtureModel } from "../testing/test-model.ts";

const model = fixtureModel("sd1");
const quick = { prompt: "a red apple", seed: 1, steps: 2 };

function clientOf(options: LocalOptions = {}) {
  const client = createClient({ backend: local({ model, threads: 1, ...options }) });
  onTestFinished(() => client.dispose());
  return client;
}

test("a module that is loaded again, as a development server does, finds the engine that runs", async () => {
  const first = clientOf();
  await first.generate(quick);
  const engines = await enginesOf(process.pid);
  const again: typeof import("../local.ts") = await import(`${new URL("../local.ts", import.meta.url).href}?reload`);
  expect(again.local).not.toBe(local);
  const second = createClient({ backend: again.local({ model, threads: 1 }) });
  await second.generate(quick);
  expect(await enginesOf(process.pid)).toEqual(engines);
  await first.dispose();
  await expect(second.generate(quick)).resolves.toMatchObject({ images: [{ index: 0 }] });
  expect(await enginesOf(process.pid)).toEqual(engines);
  await second.dispose();
  expect(await enginesOf(process.pid)).toEqual([]);
});

test("other options are another engine", async () => {
  await clientOf().generate(quick);
  await clientOf({ threads: 2 }).generate(quick);
  expect(await enginesOf(process.pid)).toHaveLength(2);
});

test("disposing of one client ends its own jobs, not another's", async () => {
  const [first, second] = [clientOf(), clientOf()];
  const job = first.generate({ ...quick, steps: 500 });
  for await (const event of job) if (event.type === "progress" && event.phase === "sample" && event.step > 0) break;
  const waiting = second.generate(quick);
  await first.dispose();
  await expect(job).rejects.toMatchObject({ code: "aborted" });
  await expect(waiting).resolves.toMatchObject({ images: [{ index: 0 }] });
});

test("an engine that nobody wants for idleMs ends, and the next request starts another", async () => {
  const client = clientOf({ idleMs: 300 });
  await client.generate(quick);
  const [engine] = await enginesOf(process.pid);
  await client.generate(quick);
  expect(await enginesOf(process.pid)).toEqual([engine]);
  await setTimeout(300);
  await gone(engine!);
  await expect(client.generate(quick)).resolves.toMatchObject({ images: [{ index: 0 }] });
});

test("a waiting job is told each time that it moves up", async () => {
  const client = clientOf();
  const jobs = Array.from({ length: 4 }, () => client.generate(quick));
  const events: GenerationEvent[] = [];
  for await (const event of jobs.at(-1)!) events.push(event);
  const positions = events.flatMap((event) => (event.type === "queued" ? [event.position] : []));
  expect(positions).toEqual([3, 2, 1, 0]);
  const types = events.map(({ type }) => type);
  expect(types.indexOf("started")).toBeGreaterThan(types.lastIndexOf("queued"));
});

test("idleMs is checked", () => {
  expect(() => local({ idleMs: -1 })).toThrow(/idleMs: must be milliseconds from 0, or Infinity/);
  expect(() => local({ idleMs: Number.POSITIVE_INFINITY })).not.toThrow();
});
