import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  type Client,
  createClient,
  type GenerationInput,
  type Job,
  LatentKitError,
  parseRequest,
} from "@latentkit/core";
import { expect, onTestFinished, test } from "vitest";
import { local } from "../local.ts";
import { enginesOf } from "../testing/test-engine.ts";
import { fixtureModel, temporaryFolder } from "../testing/test-model.ts";

function clientOf(): Client {
  // The servers of these tests are on this machine.
  const inputs = { allowPrivate: true };
  const client = createClient({ backend: local({ model: fixtureModel("sd1"), threads: 1 }), inputs });
  onTestFinished(() => client.dispose());
  return client;
}

const quick = { prompt: "a red apple", seed: 1, steps: 2 } satisfies GenerationInput;

test.each([
  [{ clipSkip: 3 }, "clipSkip"],
  [{ guidance: { mode: "cfg++" } }, "guidance.mode"],
  [{ guidance: { pagScale: 3, pagLayers: ["mid", "attn2"] } }, "guidance.pagLayers[1]"],
  [{ guidance: { scales: [5] } }, "guidance.scales"],
  [{ samplerOptions: { nope: 1 } }, "samplerOptions.nope"],
  [{ scheduler: "karras", schedulerOptions: { nope: 1 } }, "schedulerOptions.nope"],
  [{ schedulerOptions: { rho: 1 } }, "schedulerOptions"],
  [{ backendOptions: { local: { nonsense: 1 } } }, "backendOptions.local.nonsense"],
] as [Partial<GenerationInput>, string][])("%j is refused before any engine work", async (changes, field) => {
  const job = clientOf().generate({ ...quick, ...changes } as GenerationInput);
  const events: string[] = [];
  job.on("event", ({ type }) => events.push(type));
  await expect(job).rejects.toMatchObject({ code: "invalid_request", issues: [{ field }] });
  expect(events).toEqual([]);
  expect(await enginesOf(process.pid)).toEqual([]);
});

test("a size that no capability was asked about is refused as well", async () => {
  const { backend } = clientOf();
  const request = { ...parseRequest(quick), width: 64, height: 100 };
  const events = Array.fromAsync(backend.generate(request, { signal: new AbortController().signal }));
  await expect(events).rejects.toMatchObject({
    issues: [{ field: "height", allowed: { min: 16, max: 4096, multipleOf: 8 } }],
  });
});

/** A job whose picture never comes, once it has been asked for. Wrapped, as awaiting the job would wait for its end. */
async function waitingForPicture(client: Client): Promise<{ job: Job }> {
  const asked = Promise.withResolvers<void>();
  const server = createServer(() => asked.resolve()).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const image = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.png`;
  const job = client.generate({ ...quick, task: "image-to-image", image });
  job.catch(() => {});
  await asked.promise;
  return { job };
}

test("a picture that is slow to come keeps no other job waiting, and a cancel ends the wait", async () => {
  const client = clientOf();
  const { job } = await waitingForPicture(client);
  await expect(client.generate(quick)).resolves.toMatchObject({ images: [{ index: 0 }] });
  job.cancel();
  await expect(job).rejects.toMatchObject({ code: "aborted" });
});

test("dispose ends the wait for a picture", async () => {
  const client = clientOf();
  const { job } = await waitingForPicture(client);
  await client.backend.dispose();
  await expect(job).rejects.toMatchObject({ code: "disposed", backend: "local" });
});

test.skipIf(process.platform === "win32")("a named pipe as picture ends, and the next job runs", async () => {
  const image = join(await temporaryFolder(), "pipe.png");
  await promisify(execFile)("mkfifo", [image]);
  // Whoever still waits for someone to write to it is let go.
  onTestFinished(async () => (await open(image, "r+")).close());
  const client = clientOf();
  const job = client.generate({ ...quick, task: "image-to-image", image }, { timeoutMs: 500 });
  await expect(job).rejects.toSatisfy(LatentKitError.isInstance);
  await expect(client.generate(quick)).resolves.toMatchObject({ images: [{ index: 0 }] });
});
