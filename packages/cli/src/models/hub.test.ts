import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { openHub, readSnapshot } from "./hub.ts";

/** A server of which the lists of files are answered by one function. */
async function snapshotOf(list: (reply: ServerResponse, url: string) => void) {
  const server = createServer((request, reply) => {
    const url = `http://${request.headers.host}${request.url}`;
    if (request.url!.includes("/tree/")) return list(reply, url);
    return reply.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        _id: "1",
        id: "a/b",
        modelId: "a/b",
        likes: 0,
        downloads: 0,
        sha: "0".repeat(40),
        lastModified: "2026-01-01T00:00:00Z",
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const hub = await openHub({
    HF_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    HF_HOME: "/nowhere",
  });
  return readSnapshot(hub, "a/b", "main", new AbortController().signal);
}

it("keeps no list without an end", async () => {
  const flood = (reply: ServerResponse) => {
    reply.writeHead(200, { "content-type": "application/json" });
    const piece = " ".repeat(2 ** 20);
    const more = () => {
      while (!reply.destroyed && reply.write(piece));
    };
    reply.on("drain", more);
    more();
  };
  await expect(snapshotOf(flood)).rejects.toMatchObject({
    message: expect.stringMatching(/larger than 33554432 bytes/),
  });
});

it("follows no list that goes on and on", async () => {
  let pages = 0;
  const next = (reply: ServerResponse, url: string) => {
    pages++;
    reply.writeHead(200, { "content-type": "application/json", link: `<${url}>; rel="next"` }).end("[]");
  };
  await expect(snapshotOf(next)).rejects.toMatchObject({
    code: "generation",
    message: expect.stringMatching(/1000 parts/),
  });
  expect(pages).toBeLessThan(1000);
});
