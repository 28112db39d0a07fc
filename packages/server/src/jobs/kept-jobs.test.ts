import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Backend, createClient } from "@latentkit/core";
import { eventually, memoryBackend } from "@latentkit/testing";
import { expect, it, onTestFinished } from "vitest";
import { createServer } from "../create-server.ts";

it("goes on with jobs and knows keys after a crash, without a second order", async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), "latentkit-state-"));
  onTestFinished(() => rm(stateFolder, { recursive: true, force: true }));
  const memory = memoryBackend({ stepMs: 20, resumable: true });
  const resumed: unknown[] = [];
  const backend: Backend = {
    ...memory,
    resume: (handle, options) => {
      resumed.push(handle.data);
      return memory.resume!(handle, options);
    },
  };
  const start = () => createServer(createClient({ backend }), { stateFolder });
  const post = (server: ReturnType<typeof start>, key: string, body: object) =>
    server.fetch(
      new Request("http://127.0.0.1/v1/jobs", {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify(body),
      }),
    );
  const first = start();
  const long = { prompt: "a", steps: 200, seed: 5 };
  const { id } = (await (await post(first, "long", long)).json()) as { id: string };
  const short = (await (await post(first, "short", { prompt: "b", steps: 1 })).json()) as { id: string };
  const state = async (server: ReturnType<typeof start>, job: string) => {
    const response = await server.fetch(new Request(`http://127.0.0.1/v1/jobs/${job}`));
    return { status: response.status, json: (await response.json()) as { status: string } };
  };
  expect(await eventually(async () => (await state(first, short.id)).json.status === "completed")).toBe(true);
  expect(await eventually(async () => (await readdir(stateFolder)).length === 2)).toBe(true);
  const ended = async () => !(await readFile(join(stateFolder, `${short.id}.json`), "utf8")).includes('"handle"');
  expect(await eventually(ended)).toBe(true);
  await writeFile(join(stateFolder, "broken.json"), "{");
  // The first server is left as a crash leaves it: it writes nothing more that counts.
  const second = start();
  expect(await eventually(() => resumed.length === 1)).toBe(true);
  expect((await state(second, id)).status).toBe(200);
  const again = await post(second, "long", long);
  expect(((await again.json()) as { id: string }).id).toBe(id);
  expect(await eventually(async () => (await state(second, id)).json.status === "completed")).toBe(true);
  expect(memory.begun, "nothing was ordered anew").toBe(2);
  expect((await post(second, "short", { prompt: "b", steps: 1 })).status).toBe(410);
  expect((await post(second, "short", { prompt: "other" })).status).toBe(422);
  expect(memory.begun).toBe(2);
  await first.close(0);
  await second.close(0);
  expect(() => createServer(createClient({ backend }), { stateFolder: "/dev/null/x" })).toThrow(/stateFolder/);
});

it("draws on where the folder can be written to no more, as on a full disk", async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), "latentkit-state-"));
  onTestFinished(() => rm(stateFolder, { recursive: true, force: true }));
  const server = createServer(createClient({ backend: memoryBackend() }), { stateFolder });
  onTestFinished(() => server.close(0));
  // A file where the folder was: every write fails, for root too.
  await rm(stateFolder, { recursive: true });
  await writeFile(stateFolder, "full");
  const response = await server.fetch(
    new Request("http://127.0.0.1/v1/jobs?wait=true", {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "k" },
      body: JSON.stringify({ prompt: "a", count: 2 }),
    }),
  );
  const job = (await response.json()) as { status: string; images: { url: string }[] };
  expect([response.status, job.status, job.images.length]).toEqual([200, "completed", 2]);
  const picture = await server.fetch(new Request(`http://127.0.0.1${job.images[1]!.url}`));
  expect([picture.status, (await picture.arrayBuffer()).byteLength > 50]).toEqual([200, true]);
});
