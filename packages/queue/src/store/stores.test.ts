import { mkdtemp, rm, utimes } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStorage } from "unstorage";
import s3 from "unstorage/drivers/s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileStore } from "./file-store.ts";
import type { ObjectStore } from "./object-store.ts";
import { redisStore } from "./redis-store.ts";
import { unstorageStore } from "./unstorage-store.ts";

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i & 255);

describe("stores", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "latentkit-store-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function holds(store: ObjectStore): Promise<void> {
    await store.put("job-1/0-abc", bytes);
    await store.put("job-1/0-abc", bytes);
    expect(Buffer.from((await store.get("job-1/0-abc"))!)).toEqual(Buffer.from(bytes));
    expect(await store.get("job-1/none")).toBeUndefined();
  }

  it("a folder: nothing beyond it, and what is old is removed", async () => {
    const store = fileStore(folder, { keepMs: 1000 });
    await holds(store);
    await expect(store.put("../x", bytes)).rejects.toThrow(/no key/);
    await expect(store.get("a/../../x")).rejects.toThrow(/no key/);
    await utimes(join(folder, "job-1/0-abc"), 0, 0);
    const { now } = Date;
    try {
      Date.now = () => now() + 61_000;
      await store.put("job-2/0", bytes);
    } finally {
      Date.now = now;
    }
    expect(await store.get("job-1/0-abc")).toBeUndefined();
    expect(() => fileStore("")).toThrow(/folder/);
  });

  it("unstorage's S3 driver, against a server that speaks S3", async () => {
    const objects = new Map<string, Buffer>();
    const seen: string[] = [];
    const server = createServer(async (request, reply) => {
      seen.push(`${request.headers.authorization}`);
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      const key = decodeURIComponent(request.url!);
      if (request.method === "PUT") objects.set(key, Buffer.concat(parts));
      const found = objects.get(key);
      if (request.method !== "PUT" && found === undefined) return void reply.writeHead(404).end();
      reply.writeHead(200, { "content-type": "application/octet-stream" }).end(request.method === "PUT" ? "" : found);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const driver = s3({ bucket: "pictures", endpoint, region: "eu", accessKeyId: "id", secretAccessKey: "secret" });
      await holds(unstorageStore(createStorage({ driver })));
      expect([...objects.keys()]).toEqual(["/pictures/job-1/0-abc"]);
      expect(seen.every((header) => header.startsWith("AWS4-HMAC-SHA256 Credential=id/"))).toBe(true);
    } finally {
      server.closeAllConnections();
      server.close();
    }
    expect(() => unstorageStore({} as never)).toThrow(/unstorage/);
  });

  it("Redis takes small ones alone", async () => {
    const store = redisStore({} as never, (key) => key, 1000);
    await expect(store.put("a", new Uint8Array(300_000))).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("fileStore"),
    });
  });
});
