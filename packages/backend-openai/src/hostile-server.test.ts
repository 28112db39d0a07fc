import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient, encodeImage } from "@latentkit/core";
import { expect, it, onTestFinished } from "vitest";
import { openai } from "./openai-backend.ts";
import type { OpenAiOptions } from "./openai-options.ts";

/** A client of a server that answers as it likes. */
async function against(answer: RequestListener, options: OpenAiOptions = {}) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createClient({ backend: openai({ url: `${origin}/v1`, model: "m", retries: 0, ...options }) });
  onTestFinished(async () => {
    await client.dispose();
    server.closeAllConnections();
    server.close();
  });
  const failure = (previewEvery = 0) =>
    client.generate({ prompt: "a", previewEvery }).then(
      () => undefined,
      (error: unknown) => error as Error & { code: string },
    );
  return { client, failure, origin };
}

const png = async () =>
  Buffer.from(await encodeImage({ width: 8, height: 8, channels: 3, data: new Uint8Array(192) }, "png"));
const json = (body: unknown): RequestListener => {
  return (_, reply) => void reply.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
};
const stream = (...events: unknown[]): RequestListener => {
  const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
  return (_, reply) => void reply.writeHead(200, { "content-type": "text/event-stream" }).end(text);
};

it("types answers of the wrong shape", async () => {
  const bodies = [
    null,
    7,
    [],
    { data: 7 },
    { data: [null] },
    { data: [7] },
    { data: [{ b64_json: 7 }] },
    { data: [{ b64_json: {}, url: 7 }] },
    { data: [{ b64_json: "" }] },
    { usage: 7 },
  ];
  for (const body of bodies) {
    const error = await (await against(json(body))).failure();
    expect(error, JSON.stringify(body)).toMatchObject({
      code: "generation",
      message: expect.stringMatching(/picture/),
    });
  }
  const broken = { data: [{ b64_json: "????" }] };
  expect(await (await against(json(broken))).failure()).toMatchObject({ code: "image" });
});

it("takes pictures beside facts of the wrong shape", async () => {
  const b64_json = (await png()).toString("base64");
  const facts = { usage: { input_tokens: "7", input_tokens_details: null, output_tokens_details: 7, total_tokens: 3 } };
  const whole = await against(json({ data: [{ b64_json, revised_prompt: 7, seed: {} }], ...facts }));
  const { metrics } = await whole.client.generate({ prompt: "a" });
  expect(metrics).toMatchObject({ totalTokens: 3 });
  const partial = { type: "image_generation.partial_image", partial_image_index: "x", b64_json, error: null };
  const completed = { type: "image_generation.completed", b64_json, error: null, ...facts };
  const streamed = await against(stream(null, 7, { type: 7 }, partial, completed));
  const { images } = await streamed.client.generate({ prompt: "a", previewEvery: 1 });
  expect(images).toHaveLength(1);
});

it("says what it was told, whatever an error's shape", async () => {
  const told: [unknown, RegExp][] = [
    [{ error: { message: { en: "no luck" }, code: 7, type: {}, param: 7 } }, /no luck/],
    [{ error: "no luck" }, /no luck/],
    [{ error: null, message: "no luck" }, /no luck/],
    [{ error: 7 }, /7/],
    [null, /null/],
    [[], /no explanation/],
  ];
  for (const [body, what] of told) {
    const refused = await against((_, reply) => void reply.writeHead(400).end(JSON.stringify(body)));
    expect(await refused.failure(), JSON.stringify(body)).toMatchObject({
      code: "invalid_request",
      message: expect.stringMatching(what),
    });
  }
  for (const error of ["no luck", { message: ["no luck"] }]) {
    const { failure } = await against(stream({ error }));
    expect(await failure(1)).toMatchObject({ code: "generation", message: expect.stringContaining("no luck") });
  }
});

it("brings pictures from public addresses and its own origin alone, and follows nothing", async () => {
  let isAsked = false;
  const inside = await against((_, reply) => {
    isAsked = true;
    reply.end();
  });
  const elsewhere = inside.origin.replace("127.0.0.1", "localhost");
  const urls = [inside.origin, elsewhere, "file:///etc/hostname", "http://169.254.169.254/x", "http://[::1]:1/", "::"];
  for (const url of urls) {
    const error = await (await against(json({ data: [{ url }] }))).failure();
    expect(["invalid_request", "image", "not_found"], `${url}: ${error?.message}`).toContain(error?.code);
  }
  const redirecting = await against((request, reply) => {
    if (request.method === "POST") return json({ data: [{ url: "/picture.png" }] })(request, reply);
    reply.writeHead(302, { location: inside.origin }).end();
  });
  expect(await redirecting.failure()).toMatchObject({ code: "connection" });
  expect(isAsked).toBe(false);
  const own = await png();
  const relative = await against((request, reply) => {
    if (request.method === "POST") return json({ data: [{ url: "/picture.png" }] })(request, reply);
    reply.end(own);
  });
  expect((await relative.client.generate({ prompt: "a" })).images).toHaveLength(1);
});

it("ends with answers that never do", async () => {
  const drip = (type: string, start: string, piece: string): RequestListener => {
    return (_, reply) => {
      reply.writeHead(200, { "content-type": type }).write(start);
      const timer = setInterval(() => reply.write(piece), 1);
      reply.once("close", () => clearInterval(timer));
    };
  };
  const options = { maxBytes: 2 ** 20, timeoutMs: 300 };
  const endless = [
    drip("application/json", '{"data":[{"b64_json":"', "A".repeat(65_536)),
    drip("application/json", "{", " "),
    drip("text/event-stream", "data: ", "A".repeat(65_536)),
    drip("text/event-stream", ": hello\n\n", ": hello\n\n"),
    drip("text/event-stream", "", 'data: {"type":"x"}\n\n'),
    (() => {}) as RequestListener,
    // One that ends well, and without its picture.
    stream({ type: "x" }),
  ];
  await Promise.all(
    endless.map(async (answer, i) => {
      const { failure } = await against(answer, options);
      expect(await failure(1), `${i}`).toMatchObject({ code: "connection", retryable: false });
    }),
  );
});
