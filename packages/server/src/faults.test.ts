import { connect, type Socket } from "node:net";
import { encodeImage } from "@latentkit/core";
import { eventually } from "@latentkit/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { eventsIn, harness } from "./testing/harness.ts";

const photo = await encodeImage({ width: 16, height: 16, channels: 3, data: new Uint8Array(768).fill(90) }, "png");
const json = (text: string) => ({ body: text, headers: { "content-type": "application/json" } });
const form = (body: string) => ({ body, headers: { "content-type": "multipart/form-data; boundary=x" } });

/** A PNG of 30,000 × 30,000 pixels, as far as its header says. */
function vast(): string {
  const bytes = Buffer.from(photo);
  bytes.writeUInt32BE(30_000, 16);
  bytes.writeUInt32BE(30_000, 20);
  return bytes.toString("base64");
}

/** What is sent, the status that it gets, and what the error says: none of it begins any work. */
const hostile: Record<
  string,
  [body: { body: NonNullable<RequestInit["body"]>; headers?: Record<string, string> }, status: number, says: RegExp]
> = {
  "no JSON": [json("{"), 400, /not JSON/],
  "an empty body": [json(""), 400, /not JSON/],
  "no UTF-8": [
    { body: new Uint8Array([0x22, 0xff, 0xfe, 0x22]), headers: { "content-type": "application/json" } },
    400,
    /UTF-8/,
  ],
  "a hundred thousand lists in each other": [json("[".repeat(100_000)), 400, /nested more than 100 deep/],
  "a hundred thousand keys": [
    json(`{${Array.from({ length: 100_001 }, (_, i) => `"k${i}":1`).join(",")}}`),
    400,
    /more than 100000 keys/,
  ],
  "a million objects": [json(`{"latent": [${"{},".repeat(1_000_000)}{}]}`), 400, /more than 50000 lists and objects/],
  "a prototype": [json('{"prompt": "a", "__proto__": {"x": 1}}'), 400, /__proto__/],
  "a prompt of a megabyte": [json(JSON.stringify({ prompt: "a".repeat(1e6) })), 400, /prompt.*characters/],
  "a number that is none": [json('{"prompt": "a", "steps": 1e999}'), 400, /steps/],
  text: [{ body: '{"prompt": "a"}', headers: { "content-type": "text/plain" } }, 415, /application\/json/],
  "a form without an end": [
    form('--x\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"prompt"'),
    400,
    /form-data/,
  ],
  "a form without a boundary": [{ body: "x", headers: { "content-type": "multipart/form-data" } }, 400, /form-data/],
  "a form of a thousand fields": [
    form(
      `${Array.from({ length: 1000 }, (_, i) => `--x\r\nContent-Disposition: form-data; name="f${i}"\r\n\r\n1\r\n`).join("")}--x--\r\n`,
    ),
    400,
    /more than 200 fields/,
  ],
  "a form without a request": [
    form('--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'),
    400,
    /request: is missing/,
  ],
  "a file for no place": [
    form(
      '--x\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"prompt":"a"}\r\n--x\r\nContent-Disposition: form-data; name="../x"; filename="../../x"\r\n\r\n1\r\n--x--\r\n',
    ),
    400,
    /\.\.\/x/,
  ],
  "a picture of 30,000 × 30,000 pixels": [
    json(JSON.stringify({ prompt: "a", image: { base64: vast() } })),
    400,
    /900 megapixels/,
  ],
  "a picture that is none": [
    json(JSON.stringify({ prompt: "a", image: { base64: "AAAAAAAAAAAAAAAA" } })),
    400,
    /image/,
  ],
  "a cut-off picture": [
    json(JSON.stringify({ prompt: "a", image: { base64: Buffer.from(photo.subarray(0, 20)).toString("base64") } })),
    400,
    /image/,
  ],
  "a body that is too large": [json(JSON.stringify({ prompt: "a", image: "A".repeat(5e6) })), 413, /maxBodyBytes/],
  "a command for a pickle": [json(JSON.stringify({ prompt: "a", model: "x.ckpt" })), 422, /no model/],
};

describe("a server that means no harm to itself", () => {
  it.each(Object.keys(hostile))("refuses %s, and lives", async (name) => {
    const [body, status, says] = hostile[name]!;
    const { call, backend } = await harness({ maxBodyBytes: 4_000_000 });
    const answer = await call("/v1/jobs", { method: "POST", ...body });
    expect([answer.status, answer.json?.error.message]).toEqual([status, expect.stringMatching(says)]);
    expect(backend.begun).toBe(0);
    expect((await call("/v1/jobs?wait=true", { json: { prompt: "a" } })).status).toBe(200);
  });

  it("lets go of what half an upload has brought", async () => {
    const { call, server } = await harness({ maxInFlightBytes: 200_000 });
    for (let i = 0; i < 10; i++) {
      const socket = await raw(server.port);
      socket.write(
        `POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 150000\r\n\r\n${"x".repeat(100_000)}`,
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.destroy();
    }
    const large = { prompt: "a", negativePrompt: "b".repeat(30_000) };
    expect(await eventually(async () => (await call("/v1/jobs?wait=true", { json: large })).status === 200)).toBe(true);
  });

  it("says that it is full, and has room again", async () => {
    const { call } = await harness({ maxJobs: 2 }, { stepMs: 20 });
    const jobs = await Promise.all([1, 2].map(() => call("/v1/jobs", { json: { prompt: "a", steps: 100 } })));
    const full = await call("/v1/jobs", { json: { prompt: "a" } });
    expect(full).toMatchObject({ status: 503, json: { error: { code: "busy", retryable: true } } });
    expect(Number(full.headers.get("retry-after"))).toBeGreaterThan(0);
    for (const { json: job } of jobs) await call(`/v1/jobs/${job.id}`, { method: "DELETE" });
    expect((await call("/v1/jobs?wait=true", { json: { prompt: "a" } })).status).toBe(200);
  });

  it("answers on, with a thousand connections that wait and never read", { timeout: 240_000 }, async () => {
    const { call, server, backend } = await harness({}, { stepMs: 30 });
    const { json: job } = await call("/v1/jobs", {
      json: { prompt: "a", steps: 150, previewEvery: 1, width: 64, height: 64 },
    });
    const sockets: Socket[] = [];
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    for (let i = 0; i < 1000; i++) {
      const socket = await raw(server.port);
      socket.pause().write(`GET /v1/jobs/${job.id}/events?previews=payload HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      sockets.push(socket);
    }
    expect((await call("/healthz")).status).toBe(200);
    const told = eventsIn((await call(`/v1/jobs/${job.id}/events?previews=none`)).text);
    expect(told.at(-1)).toMatchObject({ event: "done", data: { status: "completed" } });
    expect(backend.begun).toBe(1);
    for (const socket of sockets) socket.destroy();
    expect((await call("/v1/jobs?wait=true", { json: { prompt: "a" } })).status).toBe(200);
  });

  it("closes a connection whose request never comes to its end", async () => {
    const { server, call } = await harness({ requestTimeoutMs: 500 });
    const socket = await raw(server.port);
    socket.write("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
    await new Promise((resolve) => socket.resume().once("close", resolve));
    expect((await call("/healthz")).status).toBe(200);
  });

  it("knows no way out of its paths, and no host that is none", async () => {
    const { call, server } = await harness();
    for (const path of [
      "/v1/jobs/..%2f..%2fetc",
      "/%2e%2e/%2e%2e/etc/passwd",
      "/page.js/../../package.json",
      "/v1/jobs/x/images/-1",
    ])
      expect((await call(path)).status).toBe(404);
    const socket = await raw(server.port);
    socket.write("GET /v1/jobs HTTP/1.1\r\nHost: [::::\r\n\r\n");
    const [answer] = await new Promise<Buffer[]>((resolve) => socket.once("data", (...data) => resolve(data)));
    expect(String(answer)).toMatch(/^HTTP\/1\.1 4/);
    socket.destroy();
  });
});

function raw(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket)).on("error", reject);
    socket.on("error", () => {});
  });
}
