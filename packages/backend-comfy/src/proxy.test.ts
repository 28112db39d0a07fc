import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient, type LatentKitError } from "@latentkit/core";
import { FakeComfy } from "@latentkit/testing";
import { afterEach, describe, expect, it } from "vitest";
import { comfy } from "./comfy-backend.ts";
import { resolveOptions } from "./comfy-options.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});
const request = { prompt: "a fox", width: 64, height: 64, steps: 2 };

describe("proxies and Comfy Cloud", () => {
  it("keeps a base path, and sends headers with every request and the socket", async () => {
    const fake = await FakeComfy.start({ basePath: "/tools/comfy", requiredHeaders: { "x-team": "art" } });
    const client = createClient({ backend: comfy({ url: `${fake.url}/`, headers: { "X-Team": "art" } }) });
    closers.push(
      () => client.dispose(),
      () => fake.stop(),
    );
    const { images } = await client.generate(request);
    expect((await images[0]!.bytes()).length).toBeGreaterThan(0);
    expect(fake.sockets.opened).toBe(1);
  });

  it("refuses a wrong key with an error that does not show it", async () => {
    const fake = await FakeComfy.start({ requiredHeaders: { "x-api-key": "right-key-123" } });
    const client = createClient({ backend: comfy({ url: fake.url, apiKey: "wrong-key-456" }) });
    closers.push(
      () => client.dispose(),
      () => fake.stop(),
    );
    const error = (await client.generate(request).catch((reason: unknown) => reason)) as LatentKitError;
    expect(error.code).toBe("authentication");
    expect(JSON.stringify(error) + error.stack).not.toContain("wrong-key-456");
  });

  it("sends the key to the server alone: a redirect to a signed address goes without it", async () => {
    const seen: IncomingHttpHeaders[] = [];
    const store = createServer((incoming, response) => {
      seen.push(incoming.headers);
      response.writeHead(200, { "content-type": "image/png" }).end("signed");
    });
    await new Promise<void>((resolve) => store.listen(0, "127.0.0.1", resolve));
    const viewRedirect = `http://127.0.0.1:${(store.address() as AddressInfo).port}/bucket`;
    const fake = await FakeComfy.start({ viewRedirect, requiredHeaders: { "x-api-key": "cloud-key-789" } });
    const client = createClient({
      backend: comfy({ url: fake.url, apiKey: "cloud-key-789", headers: { "x-team": "art" } }),
    });
    closers.push(
      () => client.dispose(),
      () => fake.stop(),
      () => new Promise((resolve) => store.close(resolve)),
    );
    const { images } = await client.generate(request);
    const file = await client.backend.fetchImage!(
      { kind: "url", url: images[0]!.url! },
      { signal: new AbortController().signal },
    );
    expect(Buffer.from(file).toString()).toBe("signed");
    expect(seen).toHaveLength(1);
    expect(seen[0]).not.toHaveProperty("x-api-key");
    expect(seen[0]).not.toHaveProperty("x-team");
    const socket = fake.requests.find(({ path }) => path.startsWith("/ws"));
    expect(new URL(socket!.path, fake.url).searchParams.get("token")).toBe("cloud-key-789");
    expect(JSON.stringify(images[0]!.recipe) + images[0]!.url).not.toContain("cloud-key-789");
  });

  it("knows Comfy Cloud's addresses", () => {
    expect(resolveOptions({ url: "https://cloud.comfy.org" })).toMatchObject({
      url: "https://cloud.comfy.org/api",
      webSocketUrl: "wss://cloud.comfy.org/ws",
    });
  });

  it("moves credentials out of the address", () => {
    expect(resolveOptions({ url: "https://me:s3cretpass@host/x/?a=1" })).toMatchObject({
      url: "https://host/x",
      webSocketUrl: "wss://host/x/ws",
      headers: { authorization: `Basic ${Buffer.from("me:s3cretpass").toString("base64")}` },
    });
    expect(resolveOptions({ url: "http://me:s3cret%@host", webSocketUrl: "ws://me:s3cret%@host" })).toMatchObject({
      headers: { authorization: `Basic ${Buffer.from("me:s3cret%").toString("base64")}` },
    });
  });

  it("uploads a picture once, and uses the name that the server gives it", async () => {
    const fake = await FakeComfy.start({ renamesUploads: true });
    const client = createClient({ backend: comfy({ url: fake.url }) });
    closers.push(
      () => client.dispose(),
      () => fake.stop(),
    );
    const image = {
      base64: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    };
    const edit = { ...request, task: "image-to-image" as const, image };
    await client.generate(edit);
    await client.generate({ ...edit, seed: 2 });
    await client.generate({ ...edit, task: "inpaint" as const, mask: image });
    expect(fake.uploaded).toHaveLength(1);
    const { prompt } = fake.prompts[0] as { prompt: Record<string, { inputs: Record<string, unknown> }> };
    fake.uploads.clear();
    await client.generate({ ...edit, seed: 3 });
    expect(fake.uploaded, "sent again after the server's folder was emptied").toHaveLength(2);
    expect(prompt["image"]!.inputs["image"]).toMatch(/^latentkit\/renamed \(1\) [\da-f]{32}\.png$/);
  });
});
