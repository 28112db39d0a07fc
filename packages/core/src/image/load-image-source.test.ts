import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { hashImageSource, loadImageSource, sha256 } from "./load-image-source.ts";

const bytes = Buffer.from("an image");
/** The servers of these tests are on this machine. */
const here = { allowPrivate: true };
const base64 = bytes.toString("base64");

it("reads base64, paths and URLs, and checks the hash", async () => {
  const server = createServer((request, response) =>
    response.writeHead(request.url === "/a" ? 200 : 404).end(bytes),
  ).listen(0);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await loadImageSource({ base64, sha256: sha256(bytes) })).toEqual(bytes);
  expect(Buffer.from(await loadImageSource({ url: `${url}/a` }, here))).toEqual(bytes);
  expect((await loadImageSource({ path: import.meta.filename })).length).toBeGreaterThan(100);
  const signed = loadImageSource({ url: `${url}/b?access_token=SEKRET` }, here);
  await expect(signed).rejects.toThrow(/HTTP 404/);
  await expect(signed).rejects.not.toThrow(/SEKRET/);
  await expect(loadImageSource({ url: `${url}/a` }, { ...here, maxBytes: 3 })).rejects.toThrow(/at most 3/);
  server.close();
});

it("hashes a source without reading a file as a whole", async () => {
  const path = import.meta.filename;
  const hash = sha256(await loadImageSource({ path }));
  expect(await hashImageSource({ path })).toBe(hash);
  expect(await hashImageSource({ base64 })).toBe(sha256(bytes));
  await expect(hashImageSource({ path, sha256: "0" }, { field: "mask" })).rejects.toMatchObject({
    issues: [{ field: "mask" }],
  });
  await expect(hashImageSource({ path: "/dev/zero" })).rejects.toThrow(/not a regular file/);
});

it("names the field when the image is not to be had", async () => {
  await expect(loadImageSource({ path: "/no/such.png" }, { field: "mask" })).rejects.toMatchObject({
    issues: [{ field: "mask", message: "there is no such file: /no/such.png" }],
  });
  await expect(loadImageSource({ base64, sha256: "0" })).rejects.toThrow(/SHA-256 differs/);
  await expect(loadImageSource({ base64 }, { maxBytes: 3 })).rejects.toThrow(/at most 3/);
  await expect(loadImageSource({ path: import.meta.filename }, { maxBytes: 3 })).rejects.toThrow(/at most 3/);
  for (const path of ["/dev/zero", tmpdir()])
    await expect(loadImageSource({ path })).rejects.toThrow(/not a regular file/);
  await expect(loadImageSource({ url: "http://127.0.0.1:1/a" }, here)).rejects.toMatchObject({
    code: "image",
    retryable: true,
  });
});
