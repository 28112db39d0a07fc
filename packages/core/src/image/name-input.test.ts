import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backend } from "../backend.ts";
import { createClient } from "../client.ts";
import { decodeImage } from "./codec.ts";
import { loadImageSource } from "./load-image-source.ts";

/** A backend that reads its picture as backends do, and makes none. */
const reader: Backend = {
  id: "reader",
  capabilities: async () => ({
    backend: "reader",
    tasks: ["image-to-image", "inpaint"],
    features: ["strength"],
    conditioning: [],
    samplers: [],
    schedulers: [],
    outputFormats: ["png"],
    limits: {},
    resume: false,
  }),
  // biome-ignore lint/correctness/useYield: it always fails
  async *generate(request, { inputs }) {
    if (!("image" in request) || request.image === undefined) return;
    await decodeImage(await loadImageSource(request.image, { ...inputs, field: "image" }), "image");
  },
  dispose: async () => {},
};

const server = createServer((request, response) => {
  const status = request.url?.startsWith("/page") ? 200 : 404;
  response.writeHead(status, { "content-type": "text/html" }).end("<html>no picture</html>");
});
let folder: string;
let url: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "latentkit-"));
  await writeFile(join(folder, "text.png"), "no picture");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

describe("a picture that cannot be read is told by its field, the file and the cause", () => {
  const messageOf = async (image: string, fields: object = { task: "image-to-image" }) => {
    const client = createClient({ backend: reader, inputs: { allowPrivate: true } });
    const error = await client.generate({ prompt: "a", image, ...fields } as never).catch((e: unknown) => e);
    return (error as Error).message;
  };

  it.each<[string, () => string, RegExp]>([
    ["no such file", () => join(folder, "none.png"), /image: there is no such file: .*none\.png/],
    ["no picture", () => join(folder, "text.png"), /^image: .*text\.png: this is not an image file; it must be a PNG/],
    ["HTTP 404", () => `${url}/none.png?key=1`, /^image: http:\/\/127.0.0.1:\d+\/none\.png answered HTTP 404/],
    ["a page", () => `${url}/page?key=1`, /^image: http:\/\/127.0.0.1:\d+\/page: this is .*; it must be a PNG/],
    [
      "nobody there",
      () => "http://127.0.0.1:1/a.png",
      /^image: http:\/\/127.0.0.1:1\/a\.png .*the connection was refused: ECONNREFUSED/,
    ],
    ["no such host", () => "http://nowhere.invalid/a.png", /^image: http:\/\/nowhere\.invalid\/a\.png .*DNS/],
  ])("%s", async (_name, image, message) => {
    expect(await messageOf(image())).toMatch(message);
    expect(await messageOf(image())).not.toContain("key=1");
  });

  it("of a mask as well, where the client reads it", async () => {
    const mask = join(folder, "text.png");
    const picture = `data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVQI12P4z8AAAAMBAQAY3Y2wAAAAAElFTkSuQmCC`;
    expect(await messageOf(picture, { task: "inpaint", mask })).toMatch(
      /^mask: .*text\.png: this is not an image file/,
    );
  });
});
