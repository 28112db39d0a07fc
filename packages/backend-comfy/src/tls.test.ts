import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type LatentKitError } from "@latentkit/core";
import { FakeComfy } from "@latentkit/testing";
import { generate } from "selfsigned";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { comfy } from "./comfy-backend.ts";
import type { ComfyOptions } from "./comfy-options.ts";

const request = { prompt: "a fox", width: 64, height: 64, steps: 2, seed: 1 };
let fake: FakeComfy;
let certificate: string;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const extensions = [{ name: "subjectAltName" as const, altNames: [{ type: 7 as const, ip: "127.0.0.1" }] }];
  const { private: key, cert } = await generate([{ name: "commonName", value: "127.0.0.1" }], { extensions });
  certificate = cert;
  fake = await FakeComfy.start({ tls: { key, cert } });
});
afterAll(() => fake.stop());
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

function open(options: ComfyOptions = {}) {
  const client = createClient({ backend: comfy({ url: fake.url, ...options }) });
  closers.push(() => client.dispose());
  return client;
}

describe("a server with a certificate of its own making", () => {
  it("is refused at once, saying what would help, and nothing is sent to it", async () => {
    const error = (await open()
      .generate(request)
      .catch((reason: unknown) => reason)) as LatentKitError;
    expect(error).toMatchObject({ code: "connection", retryable: false, backend: "comfy" });
    expect(error.message).toMatch(/SELF_SIGNED_CERT.*`ca`.*NODE_EXTRA_CA_CERTS/);
    expect(fake.requests).toEqual([]);
  });

  it("is trusted when its certificate is given as ca: calls, socket and pictures", async () => {
    const opened = fake.sockets.opened;
    const client = open({ ca: certificate });
    const { images } = await client.generate(request);
    expect(fake.url).toMatch(/^https:/);
    expect(images[0]!.url).toMatch(/^https:/);
    expect(await images[0]!.size()).toEqual({ width: 64, height: 64 });
    expect(fake.sockets.opened).toBe(opened + 1);
    const bySocket = await open({ ca: [Buffer.from(certificate)], delivery: "socket" }).generate(request);
    expect(await bySocket.images[0]!.size()).toEqual({ width: 64, height: 64 });
  });

  it("is trusted when its certificate is in NODE_EXTRA_CA_CERTS", async () => {
    const folder = await mkdtemp(join(tmpdir(), "latentkit-tls-"));
    closers.push(() => rm(folder, { recursive: true }));
    const file = join(folder, "ca.pem");
    await writeFile(file, certificate);
    const opened = fake.sockets.opened;
    const program = `
      import { createClient } from "@latentkit/core";
      import { comfy } from "@latentkit/backend-comfy";
      const client = createClient({ backend: comfy({ url: ${JSON.stringify(fake.url)} }) });
      const { images } = await client.generate(${JSON.stringify(request)});
      process.stdout.write(JSON.stringify(await images[0].size()));
      await client.dispose();`;
    const args = ["--conditions=latentkit-source", "--input-type=module", "--eval", program];
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: file };
    const said = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, args, { cwd: import.meta.dirname, env }, (_, stdout, stderr) =>
        resolve({ stdout, stderr }),
      );
    });
    expect(said).toEqual({ stdout: JSON.stringify({ width: 64, height: 64 }), stderr: "" });
    expect(fake.sockets.opened).toBe(opened + 1);
  });

  it("is refused where another certificate is given", async () => {
    const { cert } = await generate([{ name: "commonName", value: "elsewhere" }]);
    await expect(open({ ca: cert }).generate(request).then()).rejects.toMatchObject({ code: "connection" });
  });

  it("cannot be given beside a dispatcher, which has its own", () => {
    const dispatcher = { dispatch: () => true } as unknown as NonNullable<ComfyOptions["dispatcher"]>;
    expect(() => comfy({ ca: certificate, dispatcher })).toThrow(/ca: .*dispatcher/);
  });
});
