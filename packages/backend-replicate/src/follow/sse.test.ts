import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Dispatchers, makeDispatchers } from "../http/dispatcher.ts";
import { harness } from "../testing/harness.ts";
import { readStream, type StreamMessage } from "./sse.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server whose n-th connection is answered by the n-th script. */
async function streaming(scripts: ((reply: ServerResponse) => void)[]) {
  const lastIds: (string | undefined)[] = [];
  const server = createServer((request, reply) => {
    lastIds.push(request.headers["last-event-id"] as string | undefined);
    scripts[lastIds.length - 1]?.(reply);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const dispatchers: Dispatchers = makeDispatchers({});
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
    () => dispatchers.close(),
  );
  const read = async (retryMs = 5) => {
    const messages: StreamMessage[] = [];
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options = { dispatchers, signal: new AbortController().signal, retryMs };
    for await (const message of readStream(url, options)) messages.push(message);
    return messages;
  };
  return { lastIds, read };
}

const head = (reply: ServerResponse) => reply.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });

describe("a stream", () => {
  it("that is cut in the middle of an event is taken up after the last whole one", async () => {
    const { lastIds, read } = await streaming([
      (reply) => {
        head(reply).write("event: output\nid: a:0\ndata: one\n\nevent: output\nid: b:0\ndata: tw", () =>
          reply.destroy(),
        );
      },
      (reply) => head(reply).end("event: output\nid: b:0\ndata: two\n\nevent: done\nid: c:0\ndata: {}\n\n"),
    ]);
    expect(await read()).toEqual([
      { kind: "output", value: "one" },
      { kind: "output", value: "two" },
      { kind: "done" },
    ]);
    expect(lastIds).toEqual([undefined, "a:0"]);
  });

  it("is taken up no sooner than we would, whatever its server asks for", async () => {
    const { lastIds, read } = await streaming(
      Array.from({ length: 4 }, () => (reply: ServerResponse) => head(reply).end("retry: 0\n\n")),
    );
    const begun = performance.now();
    expect(await read(200)).toEqual([]);
    expect(lastIds).toHaveLength(4);
    // Waits end no earlier than they should, however busy the machine.
    expect(performance.now() - begun).toBeGreaterThan(4 * 195);
  });

  it("that tells events again is told once", async () => {
    const { read } = await streaming([
      (reply) => head(reply).end("event: output\nid: 1\ndata: one\n\n"),
      (reply) =>
        head(reply).end(
          "event: output\nid: 1\ndata: one\n\nevent: output\nid: 2\ndata: two\n\nevent: done\ndata: {}\n\n",
        ),
    ]);
    expect(await read()).toEqual([
      { kind: "output", value: "one" },
      { kind: "output", value: "two" },
      { kind: "done" },
    ]);
  });

  it("comes in pieces that split lines and letters, and joins data lines", async () => {
    const bytes = Buffer.from("event: logs\r\ndata: größer\r\ndata: 2\r\n\r\n: comment\n\nevent: error\ndata: {}\n\n");
    const { read } = await streaming([
      (reply) => {
        head(reply);
        const send = (i: number): void => {
          if (i < bytes.length) reply.write(bytes.subarray(i, i + 1), () => send(i + 1));
          else reply.end();
        };
        send(0);
      },
    ]);
    expect(await read()).toEqual([{ kind: "logs", text: "größer\n2" }, { kind: "done" }]);
  });

  it("that is refused, or is none, ends quietly", async () => {
    const refused = await streaming([(reply) => reply.writeHead(404).end("no")]);
    expect(await refused.read()).toEqual([]);
    expect(refused.lastIds).toHaveLength(1);
    const page = await streaming([(reply) => reply.writeHead(200, { "content-type": "text/html" }).end("<html>")]);
    expect(await page.read()).toEqual([]);
  });

  it("that breaks again and again is given up", async () => {
    const { lastIds, read } = await streaming(
      Array.from({ length: 9 }, () => (reply: ServerResponse) => head(reply).end()),
    );
    expect(await read()).toEqual([]);
    expect(lastIds).toHaveLength(4);
  });
});

describe("a prediction with a stream", () => {
  it("needs few polls while the stream tells its log", async () => {
    await using h = await harness({ poll: { minMs: 100, maxMs: 100 } });
    const job = h.client.generate({ prompt: "stream", steps: 500 });
    const steps: number[] = [];
    for await (const event of job) if (event.type === "progress") steps.push(event.step);
    expect(steps.at(-1)).toBe(500);
    expect([...h.fake.state.predictions.values()][0]?.polls).toBeLessThan(12);
  });

  it("is made all the same when its stream breaks, by polling", async () => {
    await using h = await harness();
    h.fake.deliveryFaults.push({ path: /stream/, kind: { cut: "before" }, times: 99 });
    expect((await h.client.generate({ prompt: "stream", steps: 10 })).images).toHaveLength(1);
    h.fake.deliveryFaults.length = 0;
    h.fake.deliveryFaults.push({ path: /stream/, kind: { status: 500 }, times: 99 });
    expect((await h.client.generate({ prompt: "stream", steps: 10 })).images).toHaveLength(1);
  });

  it("is polled alone where streams are not wanted", async () => {
    await using h = await harness({ stream: false });
    expect((await h.client.generate({ prompt: "stream", steps: 4 })).images).toHaveLength(1);
    expect(h.fake.state.deliveries).toEqual([]);
  });
});
