import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient, type GenerationInput } from "@latentkit/core";
import { describe, expect, it, onTestFinished } from "vitest";
import { a1111 } from "./a1111/a1111-backend.ts";
import { http } from "./http-backend.ts";

type Answer = (reply: ServerResponse, request: IncomingMessage) => void;
const json =
  (value: unknown): Answer =>
  (reply) =>
    reply.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
const events =
  (...told: object[]): Answer =>
  (reply) => {
    const lines = told.map((event, id) => {
      const { type, ...data } = event as { type: string };
      return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
    });
    reply.writeHead(200, { "content-type": "text/event-stream" }).end(lines.join(""));
  };

const capabilities = {
  backend: "local",
  tasks: ["text-to-image", "image-to-image"],
  features: ["steps"],
  conditioning: [],
  samplers: [],
  schedulers: [],
  outputFormats: ["png"],
  limits: {},
};
const pixel = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC",
  "base64",
);
const image = { type: "image", index: 0, url: "/v1/jobs/j/images/0" };
const usual: Record<string, Answer> = {
  "GET /v1/capabilities": json(capabilities),
  "POST /v1/jobs": json({ id: "j" }),
  "POST /v1/jobs/j/cancel": json({}),
  "GET /v1/jobs/j/events": events({ type: "started" }, image, { type: "completed" }),
  "GET /v1/jobs/j/images/0": (reply) => reply.writeHead(200).end(pixel),
};

/** A job on a server that answers as servers of ours do, but for what is given. */
async function run(answers: Record<string, Answer>, make = http, input: GenerationInput = { prompt: "a" }) {
  const calls: string[] = [];
  const server = createServer((request, reply) => {
    const call = `${request.method} ${request.url!.replace(/\?.*/, "")}`;
    calls.push(call);
    const answer = { ...usual, ...answers }[call];
    if (answer === undefined) reply.writeHead(404).end();
    else answer(reply, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createClient({ backend: make({ url, ...limits, ...(make === http ? { reconnectMs: 300 } : {}) }) });
  onTestFinished(async () => {
    await client.dispose();
    server.closeAllConnections();
    server.close();
  });
  const result = await client.generate(input).then(
    (done) => done,
    (error: unknown) => error,
  );
  return { result, calls };
}
const limits = { stallMs: 200, cancelMs: 200 };

describe("a server's stream of events", () => {
  it.each<[string, Answer]>([
    ["that is empty, again and again", (reply) => reply.writeHead(200).end()],
    ["that says the same again and again", events({ type: "queued" })],
    ["of one byte at a time", (reply) => void reply.writeHead(200).write(" ", () => drip(reply))],
    ["of no events", (reply) => reply.writeHead(200).end("id: 1\nevent: progress\ndata: {\n\n")],
    ["of other shapes", events({ type: "progress", step: "x" })],
  ])("%s, is given up", async (_, answer) => {
    const { result } = await run({ "GET /v1/jobs/j/events": answer });
    expect(result).toMatchObject({ code: "connection", backend: "http" });
  });

  it("without an end is not kept", async () => {
    const flood: Answer = (reply) => {
      const piece = "x".repeat(2 ** 20);
      const more = () => {
        while (!reply.destroyed && reply.write(piece));
      };
      reply.on("drain", more);
      more();
    };
    const { result } = await run({ "GET /v1/jobs/j/events": flood });
    expect(result).toMatchObject({ code: "connection", message: expect.stringMatching(/more than 67108864 bytes/) });
  });

  it("puts no file, model or option into a recipe", async () => {
    const resolved = {
      steps: 7,
      image: { path: "/etc/passwd" },
      mask: "/etc/passwd",
      latent: { path: "/etc/passwd" },
      refine: [{ mask: { path: "/etc/passwd" } }],
      loras: [{ model: "/etc/passwd", strength: 1 }],
      backendOptions: { replicate: { webhook: "https://a.example" } },
    };
    const told = [
      { type: "started", resolved },
      { ...image, resolved },
      { type: "completed", resolved },
    ];
    const { result } = await run({ "GET /v1/jobs/j/events": events(...told) });
    expect(result).toMatchObject({ recipe: { request: { steps: 7, loras: [], backendOptions: {} } } });
    expect(JSON.stringify(result)).not.toContain("passwd");
    expect(JSON.stringify((result as { images: { recipe: object }[] }).images[0]!.recipe)).not.toContain("passwd");
  });
});

describe("a server's answer", () => {
  it.each<[string, Answer, object]>([
    ["GET /v1/capabilities", json(null), { code: "connection", retryable: false }],
    ["GET /v1/capabilities", json({ ...capabilities, tasks: "all" }), { code: "connection" }],
    ["POST /v1/jobs", json({ id: "../../x" }), { code: "connection" }],
    ["GET /v1/jobs/j/images/0", json(null), { code: "generation" }],
    ["GET /v1/jobs/j/events", events({ ...image, url: "http://a.example/x.png" }), { code: "connection" }],
    [
      "POST /v1/jobs",
      (reply) => reply.writeHead(400).end('{"error":{"code":"invalid_request","message":5}}'),
      { code: "connection" },
    ],
    [
      "POST /v1/jobs",
      (reply) =>
        reply
          .writeHead(400)
          .end('{"error":{"code":"invalid_request","message":"no","details":{"issues":[null,{"field":5},7]}}}'),
      { code: "invalid_request", issues: [{ field: "", message: expect.any(String) }] },
    ],
  ])("to %s that is none is told as such", async (call, answer, expected) => {
    expect((await run({ [call]: answer })).result).toMatchObject(expected);
  });

  it("that is too large is not asked for again", async () => {
    const large: Answer = (reply) => reply.writeHead(200, { "content-length": 2e9 }).write("x");
    const { result, calls } = await run({ "GET /v1/capabilities": large });
    expect(result).toMatchObject({ code: "generation", message: expect.stringContaining("larger than") });
    expect(calls).toHaveLength(1);
  });
});

describe("a server of A1111's kind", () => {
  const lists = { "GET /sdapi/v1/options": json({}) };

  it("that neither answers nor goes on is given up", async () => {
    const { result } = await run({ ...lists, "POST /sdapi/v1/txt2img": () => {} }, a1111 as never);
    expect(result).toMatchObject({ code: "timeout", backend: "a1111" });
  });

  it.each([null, [], { images: [7] }, { images: ["bm8gcGljdHVyZQ=="] }, { images: [], info: "[" }])(
    "that answers %j has given no picture",
    async (answer) => {
      const { result } = await run({ ...lists, "POST /sdapi/v1/txt2img": json(answer) }, a1111 as never);
      expect(result).toMatchObject({ code: expect.stringMatching(/^(connection|generation)$/), backend: "a1111" });
    },
  );
});

function drip(reply: ServerResponse): void {
  const timer = setInterval(() => reply.write(" "), 20);
  reply.on("close", () => clearInterval(timer));
}
